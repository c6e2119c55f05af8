# DeepSeek-V3 in Megatron-LM: latent attention, experts, a layout with multi-token prediction in the stage of the loss.
TP=${TP:-1}
EP=${EP:-64}
ARGS=(
    --tensor-model-parallel-size ${TP} --pipeline-model-parallel-size 16 --expert-model-parallel-size ${EP}
    --expert-tensor-parallel-size 1 --pipeline-model-parallel-layout "Et*3|(tt|)*28,t|t|mL"
    --use-distributed-optimizer --overlap-grad-reduce --overlap-param-gather --use-mcore-models --sequence-parallel
    --disable-bias-linear --micro-batch-size 1 --global-batch-size 8192 --seq-length 4096 --bf16
    --num-layers 61 --hidden-size 7168 --ffn-hidden-size 18432 --num-attention-heads 128 --kv-channels 128
    --max-position-embeddings 4096 --position-embedding-type rope --rotary-base 10000
    --vocab-size 128815 --make-vocab-size-divisible-by 3232 --normalization RMSNorm --norm-epsilon 1e-6 --swiglu
    --untie-embeddings-and-output-weights --multi-latent-attention --attention-dropout 0.0 --hidden-dropout 0.0
    --qk-layernorm --num-experts 256 --moe-layer-freq "([0]*3+[1]*58)" --moe-ffn-hidden-size 2048
    --moe-shared-expert-intermediate-size 2048 --moe-router-load-balancing-type seq_aux_loss --moe-router-topk 8
    --moe-token-dispatcher-type flex --moe-enable-deepep --moe-router-pre-softmax --moe-grouped-gemm
    --moe-router-group-topk 4 --moe-router-num-groups 8 --moe-router-score-function sigmoid --moe-router-dtype fp32
    --q-lora-rank 1536 --kv-lora-rank 512 --qk-head-dim 128 --qk-pos-emb-head-dim 64 --v-head-dim 128
    --rotary-scaling-factor 40 --mscale 1.0 --mscale-all-dim 1.0 --mtp-num-layers 1 --mtp-loss-scaling-factor 0.1
    --recompute-granularity selective --recompute-modules moe mla_up_proj layernorm
)
torchrun --nproc_per_node 8 --nnodes 128 pretrain_gpt.py "${ARGS[@]}"
