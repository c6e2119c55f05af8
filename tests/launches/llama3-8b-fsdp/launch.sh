NGPU=${NGPU:-"8"}
PYTORCH_ALLOC_CONF="expandable_segments:True" \
torchrun --nnodes 1 --nproc_per_node=${NGPU} --rdzv_backend c10d --rdzv_endpoint="localhost:0" --role rank --tee 3 \
  -m torchtitan.train --module llama3 --config llama3_8b \
  --training.num_tokens_per_microbatch_per_dp_rank 16384 --training.max_context_length 8192 \
  --parallelism.data_parallel_shard_degree=-1 --activation_checkpoint.mode none --compile.enable
