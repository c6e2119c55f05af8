torchrun --nproc_per_node=8 --nnodes=8 --node_rank $NODE_RANK --master_addr $MASTER_ADDR pretrain_gpt.py \
  --use-mcore-models --num-layers 80 --hidden-size 8192 --ffn-hidden-size 28672 --num-attention-heads 64 \
  --group-query-attention --num-query-groups 8 --seq-length 4096 --max-position-embeddings 4096 \
  --position-embedding-type rope --rotary-base 10000 --swiglu --normalization RMSNorm --norm-epsilon 1e-5 \
  --disable-bias-linear --untie-embeddings-and-output-weights --attention-dropout 0 --hidden-dropout 0 \
  --no-masked-softmax-fusion --attention-softmax-in-fp32 --tokenizer-type Llama2Tokenizer \
  --tensor-model-parallel-size 8 --pipeline-model-parallel-size 4 --num-layers-per-virtual-pipeline-stage 5 \
  --sequence-parallel --use-distributed-optimizer --overlap-grad-reduce --overlap-param-gather --tp-comm-overlap \
  --micro-batch-size 1 --global-batch-size 128 --train-iters 500000 --bf16 --cross-entropy-loss-fusion \
  --recompute-granularity selective --lr 1.5e-4 --seed 42 --eval-iters 0
