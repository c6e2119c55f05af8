# GPT-3 of 175 billion parameters on 128 nodes of DGX A100, with interleaved stages (Narayanan et al. 2021, section 5).
export CUDA_DEVICE_MAX_CONNECTIONS=1

GPUS_PER_NODE=8
NUM_NODES=128
WORLD_SIZE=$(($GPUS_PER_NODE*$NUM_NODES))
CHECKPOINT_PATH=$1
DATA_PATH=$2

DISTRIBUTED_ARGS=(
    --nproc_per_node $GPUS_PER_NODE
    --nnodes $NUM_NODES
    --master_addr ${MASTER_ADDR:-localhost}
    --master_port 6000
)
GPT_ARGS=(
    --num-layers 96
    --hidden-size 12288
    --num-attention-heads 96   # heads of 128
    --seq-length 2048
    --max-position-embeddings 2048
    --attention-backend unfused
    --transformer-impl local
    --attention-dropout 0.1
    --hidden-dropout 0.1
    --vocab-size 51200
)
TRAINING_ARGS=(
    --micro-batch-size 1
    --global-batch-size 1536
    --train-samples 146484375
    --recompute-granularity full
    --recompute-method uniform
    --recompute-num-layers 1
    --fp16
    --lr 6.0e-5
    --min-lr 6.0e-6
    --lr-decay-style cosine
    --clip-grad 1.0
    --weight-decay 0.1
    --adam-beta1 0.9
    --adam-beta2 0.95
    --init-method-std 0.006
)
PARALLEL_ARGS=(
    --tensor-model-parallel-size 8
    --pipeline-model-parallel-size 16
    --num-layers-per-virtual-pipeline-stage 3
)

torchrun ${DISTRIBUTED_ARGS[@]} pretrain_gpt.py \
    ${GPT_ARGS[@]} \
    ${TRAINING_ARGS[@]} \
    ${PARALLEL_ARGS[@]} \
    --data-path $DATA_PATH --split 949,50,1 \
    --save $CHECKPOINT_PATH --load "$CHECKPOINT_PATH" \
    --log-interval 100 --tensorboard-dir "${CHECKPOINT_PATH}/tensorboard" 2>&1 | tee train.log
