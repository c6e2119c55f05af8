// Whatever is given ends in a job or in one line that says what is wrong: rows R2 to R4 of what readers are held to.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "simulator/base/random.h"
#include "simulator/workload/supported.h"
#include "tests/simulator/convert/launches.h"
#include "tests/support/sanitizer.h"

namespace ds::convert {
namespace {

namespace fs = std::filesystem;

struct Stack {
  const char* name;
  Conversion (*convert)(std::string_view, const Asked&);
};
constexpr Stack kStacks[] = {
    {"megatron", convert_megatron}, {"deepspeed", convert_deepspeed}, {"torchtitan", convert_torchtitan}};

Asked everything(bool lenient) {
  Asked asked = on_nodes(16);
  asked.file = "launch";
  asked.model = "llama3-8b";
  asked.sequence = 4096;
  asked.vocab = 32000;
  asked.lenient = lenient;
  return asked;
}

/// Whether it is a job, which is as good as what finish() has promised.
bool converts(const Stack& stack, std::string_view text, const Asked& asked) {
  try {
    const workload::Job job = job_of(stack.convert(text, asked));
    EXPECT_FALSE(workload::first_violation(job));
    EXPECT_TRUE(asked.lenient || !workload::first_unsupported(job));
    return true;
  } catch (const InputError& error) {
    const std::string what = error.what();
    EXPECT_FALSE(what.empty());
    EXPECT_LT(what.size(), 4000U);
    return false;
  }
}

std::vector<std::string> launches() {
  std::vector<std::string> texts;
  for (const auto& entry : fs::recursive_directory_iterator(std::string(DS_SOURCE_DIR) + "/tests/launches")) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name == "job.json" || name == "notes" || name == "command") continue;
    std::ifstream file(entry.path());
    texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::ranges::sort(texts);  // folders are listed in no order
  return texts;
}

TEST(Hostile, RandomChangesOfLaunchesGiveAJobOrALine) {
  const std::string pieces[] = {"-1",
                                "0",
                                "1e999",
                                "9223372036854775807",
                                "9223372036854775808",
                                "18446744073709551616",
                                "4.7",
                                "-0",
                                "'",
                                "\"",
                                "$",
                                "${",
                                "$((",
                                "`",
                                "(",
                                ")",
                                "\\",
                                "\n",
                                "#",
                                " -- ",
                                "--",
                                "=",
                                "--num-layers 1e18 ",
                                "--num-layers",
                                "\xff\xfe",
                                std::string(1, '\0'),
                                "|",
                                "*999999999",
                                "[",
                                "]",
                                "if ",
                                "fi\n",
                                "NaN",
                                "true",
                                ":",
                                "\t",
                                "&&"};
  const std::vector<std::string> texts = launches();
  ASSERT_GT(texts.size(), 10U);
  const RandomStream random(26, 5);
  std::uint64_t draw = 0;
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random.below(n, draw++)); };
  int jobs = 0;
  for (int i = 0; i < support::fewer(6000); ++i) {
    std::string text = texts[below(texts.size())];
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
      const std::size_t at = below(text.size());
      switch (below(5)) {
        case 0: text[at] = static_cast<char>(below(256)); break;
        case 1: text.erase(at, 1 + below(9)); break;
        case 2: text.insert(at, pieces[below(std::size(pieces))]); break;
        case 3: text.insert(at, text.substr(below(text.size()), 1 + below(60))); break;
        default: {
          const std::size_t digit = text.find_first_of("0123456789", at);
          if (digit != std::string::npos) text.replace(digit, 1, pieces[below(8)]);
        }
      }
    }
    Asked asked = everything(below(2) == 0);
    if (below(2) == 0) asked.model.clear();
    for (const Stack& stack : kStacks) jobs += converts(stack, text, asked) ? 1 : 0;
  }
  EXPECT_GT(jobs, support::fewer(300));  // the changes are mild enough to reach the end
}

TEST(Hostile, NumbersOutOfRangeAreRefusedByTheirFlag) {
  for (const char* value :
       {"0", "-1", "1e18", "2147483648", "9007199254740993", "9223372036854775808", "99999999999999999999999",
        "nan", "inf", "4.7", "''", "0x10", "true", "[]", "1e400", "-0"})
    for (const char* flag :
         {"--num-layers", "--hidden-size", "--num-attention-heads", "--seq-length", "--micro-batch-size",
          "--global-batch-size", "--tensor-model-parallel-size", "--pipeline-model-parallel-size",
          "--vocab-size", "--num-experts", "--moe-router-topk", "--num-virtual-stages-per-pipeline-rank",
          "--expert-model-parallel-size", "--make-vocab-size-divisible-by", "--context-parallel-size",
          "--kv-channels", "--train-iters"}) {
      SCOPED_TRACE(std::string(flag) + " " + value);
      std::string text = kSmall + "--num-experts 4 --moe-ffn-hidden-size 64 ";
      const std::size_t at = text.find(flag);
      if (at != std::string::npos) text.erase(at, text.find("--", at + 2) - at);
      const std::string said = refusal_of([&] { convert_megatron(text + flag + " " + value, on_nodes(1)); });
      // A run may have any length, and no experts make a dense model.
      if (said.empty() && std::string(flag) == "--train-iters") continue;
      if (std::string(flag) == "--num-experts" && std::string(value) == "0") continue;
      EXPECT_NE(said.find(flag), std::string::npos) << said;
    }
}

std::string repeated(const std::string& piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

TEST(Hostile, SizesThatNoLaunchHas) {
  const std::string texts[] = {std::string(static_cast<std::size_t>(kMaxLaunchBytes) + 1, ' '),
                               std::string("\0\1\2\3", 4),
                               "",
                               std::string(100'000, '('),
                               std::string(100'000, '{'),
                               std::string(100'000, '['),
                               repeated("A=(", 60'000),
                               repeated("${A:-", 60'000),
                               repeated("$((", 60'000),
                               repeated("if [ 1 ]; then ", 60'000),
                               repeated("eval eval ", 60'000),
                               repeated("case a in a) ", 60'000),
                               repeated("a: [", 60'000),
                               repeated("\"$(", 60'000)};
  for (const Stack& stack : kStacks)
    for (const std::string& text : texts)
      EXPECT_FALSE(converts(stack, text, everything(false))) << stack.name << " " << text.substr(0, 20);
}

TEST(Hostile, FlagsByTheThousand) {
  EXPECT_EQ(megatron_refusal(repeated("--lr 1e-4 ", 90'000)), "");  // the same again is the same
  std::string unknown;
  for (int i = 0; i < 90'000; ++i) unknown += "--x" + std::to_string(i) + " ";
  EXPECT_NE(megatron_refusal(unknown).find("--x0: is not a flag"), std::string::npos);
}

}  // namespace
}  // namespace ds::convert
