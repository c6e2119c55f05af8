srun --nodes 32 torchrun --nnodes 32 --nproc_per_node 8 -m torchtitan.train --model.name=llama3 --model.flavor=70B \
  --training.local_batch_size=16 --training.seq_len=8192 \
  --parallelism.data_parallel_shard_degree=8 --parallelism.tensor_parallel_degree=8 \
  --parallelism.pipeline_parallel_degree=4 --parallelism.pipeline_parallel_schedule=Interleaved1F1B \
  --parallelism.pipeline_parallel_layers_per_stage=11 --parallelism.enable_async_tensor_parallel \
  --activation_checkpoint.mode=full --compile.enable --metrics.log_freq=1
