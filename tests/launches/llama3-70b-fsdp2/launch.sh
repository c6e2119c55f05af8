TP=4
CMD="torchrun --nproc_per_node 8 --nnodes ${NNODES} \
  pretrain_gpt.py --num-layers 80 --hidden-size 8192 --ffn-hidden-size 28672 --num-attention-heads 64 \
  --group-query-attention --num-query-groups 8 --seq-length 8192 --max-position-embeddings 8192 --vocab-size 128256 \
  --position-embedding-type rope --swiglu --normalization RMSNorm --disable-bias-linear \
  --untie-embeddings-and-output-weights --attention-dropout 0 --hidden-dropout 0 --bf16 \
  --tensor-model-parallel-size $TP --sequence-parallel --use-torch-fsdp2 --no-gradient-accumulation-fusion \
  --micro-batch-size 1 --global-batch-size 64 --ckpt-format torch_dist --recompute-granularity full \
  --recompute-method block --recompute-num-layers 80"
echo ${CMD}
eval ${CMD}
