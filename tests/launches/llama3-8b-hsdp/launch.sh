torchrun --nnodes 4 --nproc_per_node 8 -m torchtitan.train --model.name llama3 --model.flavor 8B \
  --training.local-batch-size 2 --training.seq-len 8192 --training.global-batch-size 128 --training.steps 1000 \
  --parallelism.data-parallel-replicate-degree 4 --parallelism.data-parallel-shard-degree 8 \
  --parallelism.fsdp-reshard-after-forward never --activation-checkpoint.mode full --compile.no-enable
