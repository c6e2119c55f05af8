// The folders are the architecture: this tree keeps the table of parts, and the test that says so finds every kind of
// violation in small made-up trees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "tests/layers/rules.h"
#include "tests/layers/tree.h"

namespace ds::layers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Three parts in a row, a folder of programs that may use all, and headers of others.
constexpr const char* kTable = R"(
part low  uses
part mid  uses low
part high uses mid
part cli  uses *
open low
door mid extra.h
only mpi.h in high
only torch/ in high
most json.hpp 2
single CLI/
)";

using Texts = std::vector<std::pair<std::string, std::string>>;

/// A tree of files by content, CMakeLists.txt included; every part uses what its row names unless a file says else.
std::vector<std::string> violations_of(const Texts& files) {
  Tree tree;
  read_calls(tree, "low", "ds_module(low SOURCES a.cpp)");
  read_calls(tree, "mid", "ds_module(mid SOURCES a.cpp USES low fmt::fmt)");
  read_calls(tree, "high", "ds_module(high SOURCES a.cpp USES mid low)");
  for (const auto& [path, content] : files) {
    const std::size_t slash = path.rfind('/');
    if (path.ends_with("CMakeLists.txt"))
      read_calls(tree, path.substr(0, slash), content);
    else
      tree.files.push_back({path, includes_of(path, content)});
  }
  return violations(tree, read_rules(kTable));
}

TEST(Layers, OfThisTreeKeepTheTable) {
  const std::string top = DS_SOURCE_DIR;
  const Tree tree = read_tree(top, {"simulator", "kernels", "executor", "tuner", "cli"});
  ASSERT_GT(tree.files.size(), 10U) << "the tree was not found";
  for (const std::string& violation :
       violations(tree, read_rules(read_file(top + "/tests/layers/parts.txt"))))
    ADD_FAILURE() << violation;
}

TEST(Layers, AcceptDownwardIncludesThroughTheFrontDoor) {
  EXPECT_THAT(
      violations_of({{"high/a.cpp", "#include \"mid/mid.h\"\n#include \"mid/extra.h\"\n#include <vector>\n"},
                     {"high/b.cpp", "#include \"low/anything.h\"\n#include \"high/private.h\"\n"}}),
      IsEmpty());
}

TEST(Layers, FindAnUpwardInclude) {
  EXPECT_THAT(
      violations_of({{"low/a.cpp", "\n#include \"mid/mid.h\"\n"}}),
      testing::Contains(HasSubstr("low/a.cpp:2: includes mid/mid.h, but low does not name mid under USES")));
}

TEST(Layers, FindAnIncludeOfAPartThatUsesDoesNotName) {
  // The table allows cli everything, but this program's USES names mid alone.
  EXPECT_THAT(
      violations_of({{"cli/CMakeLists.txt", "ds_program(tool SOURCES main.cpp USES mid)"},
                     {"cli/main.cpp", "#include \"high/high.h\"\n"}}),
      ElementsAre(HasSubstr("cli/main.cpp:1: includes high/high.h, but cli does not name high under USES")));
}

TEST(Layers, FindAnIncludeThatUsesNamesOnlyByWayOfAnotherPart) {
  EXPECT_THAT(
      violations_of({{"cli/CMakeLists.txt", "ds_program(tool SOURCES main.cpp USES mid)"},
                     {"cli/main.cpp", "#include \"low/low.h\"\n"}}),
      ElementsAre(HasSubstr("cli/main.cpp:1: includes low/low.h, but cli does not name low under USES")));
}

TEST(Layers, FindUsesThatTheTableDoesNotAllow) {
  EXPECT_THAT(violations_of({{"low/CMakeLists.txt", "ds_module(low SOURCES a.cpp USES other)"}}),
              ElementsAre("low: USES other, which its row does not allow"));
}

TEST(Layers, FindAPartThatHasNoRow) {
  EXPECT_THAT(violations_of({{"new/CMakeLists.txt", "ds_module(new SOURCES a.cpp)"}}),
              ElementsAre("new: has no row in the table of parts"));
}

TEST(Layers, FindAFileThatBelongsToNoPart) {
  EXPECT_THAT(violations_of({{"stray/a.cpp", ""}}), ElementsAre("stray/a.cpp: belongs to no part"));
}

TEST(Layers, FindAPrivateHeaderEvenByARelativePath) {
  for (const char* line :
       {"#include \"mid/secret.h\"", "#include \"../mid/secret.h\"", "  #  include <mid/secret.h>"}) {
    SCOPED_TRACE(line);
    EXPECT_THAT(violations_of({{"high/a.cpp", line}}),
                ElementsAre("high/a.cpp:1: includes mid/secret.h, which is private to mid"));
  }
}

TEST(Layers, FindACycleOfUsesAndOfIncludes) {
  EXPECT_THAT(violations_of({{"low/CMakeLists.txt", "ds_module(low SOURCES a.cpp USES high)"}}),
              testing::IsSupersetOf({HasSubstr("low: uses itself"), HasSubstr("mid: uses itself"),
                                     HasSubstr("high: uses itself")}));
  EXPECT_THAT(violations_of({{"mid/a.h", "#include \"low/a.h\""}, {"low/a.h", "#include \"mid/mid.h\""}}),
              testing::IsSupersetOf({HasSubstr("low: uses itself"), HasSubstr("mid: uses itself")}));
}

TEST(Layers, FindAHeaderOfOthersOutsideItsPart) {
  EXPECT_THAT(violations_of({{"high/a.cpp", "#include <mpi.h>\n#include <torch/torch.h>\n"},
                             {"mid/a.cpp", "#include <mpi.h>\n#include <torch/torch.h>\n"}}),
              ElementsAre("mid/a.cpp:1: includes mpi.h, which only high may",
                          "mid/a.cpp:2: includes torch/torch.h, which only high may"));
}

TEST(Layers, CountACostlyHeader) {
  const std::string json = "#include <json.hpp>\n";
  EXPECT_THAT(violations_of({{"low/a.cpp", json + json}, {"low/b.cpp", json}}),
              IsEmpty());  // twice in a file is once
  EXPECT_THAT(violations_of({{"low/a.cpp", json}, {"low/b.cpp", json}, {"mid/c.cpp", json}}),
              ElementsAre("json.hpp is included in 3 files, at most 2 may: low/a.cpp low/b.cpp mid/c.cpp"));
}

TEST(Layers, FindASecondFileOfAProgramThatParsesOptions) {
  const std::string line = "#include <CLI/CLI.hpp>\n";
  Texts files = {{"cli/CMakeLists.txt", "ds_program(x SOURCES x.cpp more.cpp)\nds_program(y SOURCES y.cpp)"},
                 {"cli/x.cpp", line},
                 {"cli/y.cpp", line}};
  EXPECT_THAT(violations_of(files), IsEmpty());  // one each
  files.emplace_back("cli/more.cpp", line);
  EXPECT_THAT(violations_of(files),
              ElementsAre("CLI/ is included in 2 files of x, one may: cli/more.cpp cli/x.cpp"));
}

TEST(Layers, ReadCallsOverSeveralLinesAndSkipComments) {
  Tree tree;
  read_calls(tree, "cli/sim", R"(
    # ds_module(not/this USES one)
    ds_program(ds-sim
               SOURCES main.cpp   # USES two
               USES simulator/base
                    CLI11::CLI11 simulator/run))");
  EXPECT_THAT(tree.uses,
              ElementsAre(testing::Pair("cli/sim", ElementsAre("simulator/base", "simulator/run"))));
}

TEST(Layers, RefuseARowThatIsNotUnderstood) {
  EXPECT_THROW(read_rules("part low"), InputError);
  EXPECT_THROW(read_rules("allow low mid"), InputError);
}

}  // namespace
}  // namespace ds::layers
