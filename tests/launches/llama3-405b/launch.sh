#SBATCH --nodes=128
#SBATCH --ntasks-per-node=8
#SBATCH --exclusive
# 126 layers: embedding and loss count as one each, so that 16 stages of 8 chunks have one layer a chunk.
TP=8 PP=16
OPTIONS=" \
  --num-layers 126 --hidden-size 16384 --ffn-hidden-size 53248 --num-attention-heads 128 \
  --group-query-attention --num-query-groups 8 --seq-length 8192 --max-position-embeddings 131072 \
  --position-embedding-type rope --swiglu --normalization RMSNorm --disable-bias-linear \
  --untie-embeddings-and-output-weights --attention-dropout 0.0 --hidden-dropout 0.0 \
  --tensor-model-parallel-size ${TP} --pipeline-model-parallel-size ${PP} \
  --num-virtual-stages-per-pipeline-rank 8 \
  --account-for-embedding-in-pipeline-split --account-for-loss-in-pipeline-split \
  --sequence-parallel --use-distributed-optimizer --overlap-grad-reduce --overlap-param-gather \
  --micro-batch-size 1 --global-batch-size 2048 --bf16 --cross-entropy-loss-fusion"
srun -l --container-image nemo.sqsh bash -c "python -u pretrain_gpt.py ${OPTIONS} --exit-duration-in-mins 230"
