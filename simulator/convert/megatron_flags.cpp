// Which flags of Megatron-LM change nothing, which are left to the software preset, and which cannot be predicted yet.
// Source: github.com/NVIDIA/Megatron-LM at d98e8a64dd, megatron/training/arguments.py and the configuration classes of which it
// makes flags.
#include "simulator/convert/megatron_flags.h"

namespace ds::convert {
namespace {

constexpr OtherFlags kOthers[] = {
    // Logs, profiles, checkpoints.
    {Use::ignored,
     "--log-* --logging-level --tensorboard-* --wandb-* --one-logger-* --no-one-logger --otel-* "
     "--app-tag-run-* "
     "--timing-log-* --barrier-with-* --no-barrier-with-level-1-timing --config-logger-dir --no-log-* "
     "--disable-log-* "
     "--profile* --pytorch-profiler-* --use-pytorch-profiler --nvtx-ranges --record-* --memory-snapshot-path "
     "--flight-recorder-* --no-flight-recorder-* --disable-flight-recorder-* --run-workload-inspector-server "
     "--check-for-* --no-check-for-* --check-weight-hash-* --verify-integrity --dump-param-* "
     "--moe-per-layer-logging "
     "--moe-routing-trace-*",
     {},
     {}},
    {Use::ignored,
     "--save --save-* --load --load-* --no-save-* --no-load-* --disable-save-* --ckpt-* --no-ckpt-* "
     "--disable-ckpt-* --async-* --dist-ckpt-* --use-dist-ckpt --auto-detect-ckpt-format --non-persistent-* "
     "--persistent-save-interval --use-persistent-ckpt-worker --use-checkpoint-* --override-* "
     "--pretrained-checkpoint "
     "--finetune --replication --replication-* --distrib-optim-* --use-mp-args-from-checkpoint-args "
     "--exit-on-missing-checkpoint --use-tokenizer-model-from-checkpoint-args --no-use-tokenizer-* "
     "--disable-use-tokenizer-* --strict-fsdp-dtensor-load --no-strict-fsdp-* --disable-strict-fsdp-* "
     "--enable-msc "
     "--disable-msc",
     {},
     {}},
    // Data, tokenizers, evaluation.
    {Use::ignored,
     "--data-path --data-args-path --data-cache-path --data-sharding --no-data-sharding --train-data-path "
     "--valid-data-path --test-data-path --per-split-data-args-path --per-dataset-sequences-path --split "
     "--mock-data "
     "--num-workers --mmap-bin-files --no-mmap-bin-files --num-dataset-builder-threads "
     "--mid-level-dataset-surplus "
     "--no-create-attention-mask-in-dataloader --create-attention-mask-in-dataloader --dataloader-* "
     "--object-storage-cache-path --fim-* --reset-* --eod-mask-loss --short-seq-prob --use-gigatoken "
     "--iterations-to-skip "
     "--vocab-file --merge-file --vocab-extra-ids --tokenizer-* --no-tokenizer-* --disable-tokenizer-* "
     "--tiktoken-* "
     "--null-tokenizer-* --chat-template --trust-remote-code --multiple-validation-sets "
     "--validation-set-names "
     "--full-validation --eval-* --start-eval-at-iter --skip-train --test-mode --calculate-per-token-loss "
     "--allow-ambiguous-pad-tokens",
     {},
     {}},
    // Learning: rates, decay, starting values, seeds.
    {Use::ignored,
     "--lr --lr-* --min-lr --decoupled-* --weight-decay* --start-weight-decay --end-weight-decay "
     "--wd-incr-steps "
     "--adam-* --sgd-momentum --muon-* --lion-* --clip-grad --init-method-* --embedding-init-method-std "
     "--loss-scale "
     "--loss-scale-window --initial-loss-scale --min-loss-scale --hysteresis --seed "
     "--data-parallel-random-init "
     "--use-cpu-initialization --no-initialization --init-model-with-meta-device --warmup-* "
     "--wsd-decay-steps "
     "--apply-wd-to-qk-layernorm --no-weight-decay-cond-type --head-lr-mult --use-mup --mup-* --qk-clip* "
     "--decrease-batch-size-if-needed --phase-transition-iterations",
     {},
     {}},
    // Constants of functions that cost the same with any.
    {Use::ignored,
     "--norm-epsilon --layernorm-epsilon --apply-layernorm-1p --rotary-base --rotary-interleaved "
     "--rotary-scaling-factor "
     "--rotary-seq-len-interpolation-factor --use-rope-scaling --rope-* --mscale* --yarn-* --no-yarn-* "
     "--beta-fast "
     "--beta-slow --no-position-embedding --attention-softmax-in-fp32 --apply-query-key-layer-scaling "
     "--activation-func-clamp-value --glu-linear-offset --openai-gelu --moe-aux-loss-coeff "
     "--moe-z-loss-coeff "
     "--moe-router-* --moe-input-jitter-eps --moe-token-drop-policy --mtp-loss-scaling-factor "
     "--use-mcore-models "
     "--enable-experimental --moe-apply-probs-on-input",
     {},
     {}},
    // How processes start, stop and are watched.
    {Use::ignored,
     "--distributed-backend --distributed-timeout-* --local-rank --local_rank --rank --lazy-mpu-init "
     "--nccl-communicator-config-path --disable-gloo-process-groups --use-gloo-process-groups --exit-* "
     "--manual-gc* "
     "--no-manual-gc-* --disable-manual-gc-* --straggler-* --disable-straggler-* --ft-* --enable-ft-package "
     "--calc-ft-timeouts --inprocess-* --rerun-* --error-injection-* --adlr-autoresume* "
     "--gpu-sniff-test-interval "
     "--train-sync-interval --result-rejected-tracker-filename --inference-* --te-rng-tracker "
     "--max-tokens-to-oom "
     "--deprecated-use-mcore-models --fake-process-group --use-legacy-static-engine --flash-decode "
     "--enable-chunked-prefill "
     "--decode-only-cuda-graphs --num-speculative-tokens --nccl-all-reduce-for-prefill "
     "--mlp-chunks-for-prefill "
     "--cache-mla-latents --moe-pad-experts-for-cuda-graph-inference --refit-method --onnx-safe "
     "--moe-enable-routing-replay "
     "--moe-use-upcycling --moe-upcycling-granularity --use-same-sampling-seed-across-dp-ranks",
     {},
     {}},

    // Kernels, fusions, streams: those of the software preset are taken.
    {Use::habit,
     "--no-masked-softmax-fusion "
     "--no-persist-layer-norm --no-gradient-accumulation-fusion --no-gradient-reduce-div-fusion "
     " "
     "--cross-entropy-fusion-impl --fused-residual-rmsnorm --use-te-activation-func "
     "--use-transformer-engine-op-fuser "
     "--disable-jit-fuser --mla-down-proj-fusion --squared-relu --use-fused-weighted-squared-relu "
     "--moe-grouped-gemm "
     "--moe-permute-fusion-into-hybridep --moe-use-legacy-grouped-gemm "
     "--moe-flex-dispatcher-num-sms "
     "--moe-use-grouped-tensor --moe-single-grouped-* --moe-mlp-glu-interleave-size "
     "--moe-shared-expert-glu-interleave-size --moe-ncclep-zero-copy --moe-enable-deepep --moe-deepep-* "
     "--moe-hybridep-* --use-grouped-gemm-for-* "
     "--cuda-graph-warmup-steps --batch-invariant-* --disable-bf16-reduced-precision-matmul "
     "--fp16-lm-cross-entropy "
     "--output-logit-dtype",
     {},
     {}},
    {Use::habit,
     "--tp-comm-* --no-tp-comm-* --disable-tp-comm-* --ddp-* --no-align-* --disable-align-* --align-* "
     "--overlap-p2p-communication-warmup-flush "
     "--defer-embedding-wgrad-compute "
     "--wgrad-deferral-limit --delay-wgrad-compute "
     "--use-nccl-ub --nccl-ub "
     "--use-sharp "
     "--sharp-enabled-group --high-priority-* --create-all-gather-group --disable-symmetric-registration "
     "--pipeline-model-parallel-comm-backend --use-ring-exchange-p2p --empty-unused-memory-level --fsdp-* "
     "--suggested-communication-unit-size --no-clone-scatter-output-in-embedding "
     "--disable-clone-scatter-output-in-embedding --overlap-cpu-optimizer-d2h-h2d --no-pin-cpu-* "
     "--use-torch-optimizer-for-cpu-offload --use-precision-aware-optimizer --fp8-margin --fp8-interval "
     "--fp8-amax-* "
     "--reuse-grad-buf-for-mxfp8-param-ag "
     "--keep-fp8-transpose-cache --no-use-layer-wise-param-layout --symmetric-ar-type",
     {},
     {}},

    // Names that versions before 2024 had.
    {Use::habit,
     "--DDP-impl --no-contiguous-buffers-in-local-ddp --use-contiguous-buffers-in-local-ddp "
     "--no-scatter-gather-tensors-in-pipeline --no-query-key-layer-scaling "
     "--no-async-tensor-model-parallel-allreduce "
     "--overlap-p2p-communication",
     {},
     {}},

    // Not yet.
    {Use::lacking,
     "--deepspeed --deepspeed_config --deepspeed-* --zero-stage",
     "DeepSpeed within Megatron-LM",
     {}},
    {Use::lacking, "--optimizer", "the prediction knows AdamW alone", "adam"},
    {Use::lacking,
     "--main-grads-dtype --main-params-dtype --exp-avg-dtype "
     "--exp-avg-sq-dtype",
     "optimizer states are predicted in fp32 alone", "fp32"},
    {Use::lacking, "--fp4-*", "products are predicted in 32, 16 and 8 bits", {}},
    {Use::lacking, "--fp8-param-gather", "weights are predicted to be gathered in 16 bits", {}},
    {Use::lacking,
     "--first-last-layers-bf16 --num-layers-at-start-in-bf16 --num-layers-at-end-in-bf16 --fp8-output-proj "
     "--no-fp8-wgrad --disable-fp8-wgrad --te-precision-config-file",
     "all layers are predicted in one precision",
     {}},
    {Use::lacking, "--fp32-residual-connection", "residuals are predicted in the working precision", {}},
    {Use::lacking, "--optimizer-cuda-graph", "CUDA graphs of the optimizer", "none"},
    {Use::lacking,
     "--overlap-dispatch-backward-with-experts-wgrad --ep-overlap-early-attn-memory-release",
     "exchanges of experts that run beside other work",
     {}},
    {Use::lacking, "--overlap-param-gather-with-optimizer-step", "gathers that run beside the optimizer", {}},
    {Use::lacking,
     "--distribute-saved-activations",
     "saved activations in shares of tensor-parallel ranks",
     {}},
    {Use::lacking,
     "--fine-grained-activation-offloading --offload-modules --min-offloaded-tensor-size "
     "--activation-offload-fraction "
     "--delay-offload-until-cuda-graph --delta-offload-bytes-across-pp-ranks --fine-grained-offloading-*",
     "activations of single modules that are offloaded",
     {}},
    {Use::lacking, "--cpu-offloading-retain-pinned-cpu-buffers", "offloading in parts", {}},
    {Use::lacking,
     "--hierarchical-context-parallel-sizes --hybrid-context-parallel --max-seqlen-per-dp-cp-rank",
     "context parallelism of several levels",
     {}},
    {Use::lacking, "--outer-dp-sharding-strategy", "optimizer states in shards across groups of shards",
     "no_shard"},
    {Use::lacking,
     "--enable-full-sharding-in-hsdp --megatron-fsdp-*",
     "Megatron's own FSDP but for its strategy",
     {}},
    {Use::lacking,
     "--mtp-standalone --mtp-hsm --mtp-detach-heads --mtp-use-repeated-layer",
     "other forms of multi-token prediction",
     {}},
    {Use::lacking,
     "--moe-expert-rank-capacity-factor --moe-pad-expert-input-to-capacity --moe-paged-stash*",
     "experts whose tokens are padded",
     {}},
    {Use::lacking,
     "--moe-latent-size --attention-output-gate --enable-mhc-connections --mhc-* "
     "--qk-l2-norm",
     "models with that part",
     {}},
    {Use::lacking, "--moe-layer-recompute", "the recompute of experts alone", {}},
    {Use::lacking, "--softmax-type", "sinks of attention", "vanilla"},
    {Use::lacking, "--apply-residual-connection-post-layernorm", "residuals behind the norm", {}},
    {Use::lacking, "--no-pad-vocab-size --disable-pad-vocab-size", "a vocabulary without padding", {}},
    {Use::lacking,
     "--gtp-* --tensor-parallel-num-weight-shards --expert-tensor-parallel-num-weight-shards",
     "weights in shards of tensor-parallel ranks",
     {}},
    {Use::lacking,
     "--spec --hybrid-* --is-hybrid-model --mamba-* --linear-* --gdp-* --experimental-attention-variant "
     "--dsa-* "
     "--disable-dsa-* --no-dsa-* --disable-mamba-* --mtp-hybrid-override-pattern "
     "--heterogeneous-layers-*",
     "layers other than attention and MLP",
     {}},
    {Use::lacking,
     "--encoder-num-layers --decoder-num-layers --decoder-seq-length --bert-* --mask-* --ict-* --biencoder-* "
     "--retriever-* --vision-* --dino-* --swin-* --img-* --patch-dim --num-classes --num-channels "
     "--titles-data-path "
     "--block-data-path --evidence-data-path --embedding-path --indexer-* --query-in-block-prob "
     "--use-one-sent-docs "
     "--output-bert-embeddings --classes-fraction --data-per-class-fraction --sample-rate --iter-per-epoch "
     "--mrope-section "
     "--relative-attention-*",
     "models other than decoders of text",
     {}},
    {Use::lacking,
     "--perform-rl-step --rl-* --grpo-* --export-* --langrl-* --sft --sft-* --logits-* --freeze-all-layers",
     "training other than pre-training",
     {}},
    {Use::lacking,
     "--moe-combine-bwd-dtype --moe-dispatch-fwd-dtype",
     "experts whose tokens travel in another precision",
     {}},
    {Use::lacking, "--yaml-cfg", "what stands in another file; convert that file", {}},
    {Use::lacking,
     "--kitchen-* --use-kitchen-attention --fp8-quantizer-factory --mlp-chunks-for-training",
     "its way of computing",
     {}},
    {Use::lacking,
     "--batch-size --model-parallel-size --checkpoint-activations --warmup",
     "Megatron-LM itself takes it no more; --micro-batch-size, --tensor-model-parallel-size, "
     "--recompute-granularity do that",
     {}},
};

}  // namespace

const Catalogue& megatron_flags() {
  static const Catalogue catalogue{
      .stack = "Megatron-LM", .keys = workload::megatron_names(), .others = kOthers};
  return catalogue;
}

}  // namespace ds::convert
