// Scripts are read as a shell would read them, without running anything.
#include <gtest/gtest.h>

#include "simulator/base/error.h"
#include "simulator/convert/shell_script.h"

namespace ds::convert {
namespace {

/// The training program's words, each in brackets; unknown ones with a question mark.
std::string arguments_of(const std::string& script,
                         const std::vector<std::pair<std::string, std::string>>& given = {}) {
  std::string text;
  for (const Word& word : read_launch(script, given).arguments)
    text += "[" + word.text + "]" + (word.known() ? "" : "?");
  return text;
}
std::string refusal(const std::string& script) {
  try {
    read_launch(script, {});
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

TEST(Shell, QuotesAndContinuationsMakeWords) {
  EXPECT_EQ(arguments_of("python train.py --a 'b c' \"d  e\" f\\ g \\\n  --h=\"i\"j ''"),
            "[--a][b c][d  e][f g][--h=ij][]");
  EXPECT_EQ(arguments_of("python train.py --a 1 # --b 2\n"), "[--a][1]");
  EXPECT_EQ(arguments_of("python train.py --a x#y"), "[--a][x#y]");
}

TEST(Shell, VariablesAreFilledInAndSplitWhereTheyAreNotQuoted) {
  EXPECT_EQ(arguments_of("A='x y'\npython train.py $A \"$A\" ${A}z"), "[x][y][x y][x][yz]");
  EXPECT_EQ(arguments_of("A=x; A+=y\npython train.py $A"), "[xy]");
  EXPECT_EQ(arguments_of("export A=3\npython train.py $((A * (2 + 4) % 5 - 1)) ${B:-$A} ${A:+set} ${C-}"),
            "[2][3][set]");
  EXPECT_EQ(arguments_of("A=1\nA=2 python train.py $A"), "[1]");  // that A is the program's
}

TEST(Shell, ListsGiveAWordForEachElement) {
  EXPECT_EQ(arguments_of("A=(--x 1 # one\n '--y  2')\nA+=(--z)\npython train.py \"${A[@]}\" ${A[1]}"),
            "[--x][1][--y  2][--z][1]");
  EXPECT_EQ(arguments_of("A=('--y 2')\npython train.py ${A[@]}"), "[--y][2]");
  EXPECT_EQ(arguments_of("A=()\npython train.py ${A[@]} --b"), "[--b]");
}

TEST(Shell, WhatNothingSetsStaysAsWrittenAndIsNotKnown) {
  EXPECT_EQ(arguments_of("python train.py --a $1 --b ${X}/y"), "[--a][${1}]?[--b][${X}/y]?");
  EXPECT_EQ(arguments_of("A=$(cat file)\npython train.py --a \"$A\" --b `date`"),
            "[--a][$(cat file)]?[--b][`date`]?");
  EXPECT_EQ(arguments_of("A=$B\nB=$A\npython train.py $A"), "[${B}]?");  // not a circle: B is set later
  EXPECT_EQ(arguments_of("A=1\npython train.py $A $B", {{"A", "2"}, {"B", "3"}}), "[2][3]");
}

TEST(Shell, BranchesThatTheScriptDecidesAreFollowed) {
  const std::string script =
      "if [[ \"$A\" == x && -z \"$Z\" ]]; then B=1\nelif [ $N -gt 3 ]; then\n B=2\nelse B=3; fi\npython "
      "train.py $B";
  EXPECT_EQ(arguments_of("A=x\nN=9\n" + script), "[1]");
  EXPECT_EQ(arguments_of("A=y\nN=9\n" + script), "[2]");
  EXPECT_EQ(arguments_of("A=y\nN=3\n" + script), "[3]");
}

TEST(Shell, BranchesMayStandInALine) {
  EXPECT_EQ(arguments_of("if [ 1 = 1 ]; then if [ 1 = 2 ]; then A=1; else A=2; fi; fi\npython train.py $A"),
            "[2]");
}

TEST(Shell, WhatABranchOrLoopThatNobodyDecidesSetsIsNotKnown) {
  EXPECT_EQ(arguments_of("B=0\nif [ -f file ]; then B=1; fi\npython train.py $B"), "[${B}]?");
  EXPECT_EQ(arguments_of("B=0\nfor i in 1 2; do\n B=$i\ndone\npython train.py $B"), "[${B}]?");
  EXPECT_NE(refusal("if [ -f file ]; then python train.py; fi").find("may or may not lead"),
            std::string::npos);
}

TEST(Shell, LaunchesWithinTextsAreFollowed) {
  EXPECT_EQ(arguments_of("A='--x 1'\nCMD=\"python train.py ${A}\"\necho $CMD\neval $CMD"), "[--x][1]");
  EXPECT_EQ(arguments_of("srun bash -c \"python train.py --x '1 2'\""), "[--x][1 2]");
  EXPECT_EQ(arguments_of("--x 1 --y"), "[--x][1][--y]");
  EXPECT_EQ(arguments_of("torchrun -m torchtitan.train --x 1"), "[--x][1]");
  EXPECT_EQ(arguments_of("python -m torch.distributed.launch --nproc_per_node 8 train.py --x"), "[--x]");
  EXPECT_EQ(arguments_of("python prepare.py --y\npython train.py --x 2>&1 > log"), "[--x]");
}

TEST(Shell, LinesAreThoseOfTheWords) {
  const Launch launch = read_launch("#!/bin/bash\nA=(\n  --x 1\n)\npython train.py ${A[@]} \\\n --y", {});
  ASSERT_EQ(launch.arguments.size(), 3U);
  EXPECT_EQ(launch.arguments[0].line, 3);
  EXPECT_EQ(launch.arguments[2].line, 6);
  EXPECT_EQ(launch.line, 5);
}

TEST(Shell, WhatIsLeftOpenIsToldWithItsLine) {
  EXPECT_EQ(refusal("\npython train.py 'a"), "line 2: opens a quote (') that nothing closes; a ' is missing");
  EXPECT_EQ(refusal("python train.py \"a"),
            "line 1: opens a quote (\") that nothing closes; a \" is missing");
  EXPECT_EQ(refusal("A=(\n1"), "line 1: opens a list with ( that nothing closes; a ) is missing");
  EXPECT_EQ(refusal("python train.py ${A"),
            "line 1: opens a variable (${) that nothing closes; a } is missing");
  EXPECT_EQ(refusal("if [ 1 ]; then\nA=1"), "line 1: opens an if that nothing closes; a fi is missing");
  EXPECT_EQ(refusal("python train.py $((1/0))"), "line 1: $((1/0)) divides by 0");
  EXPECT_NE(refusal("cat <<EOF\nx\nEOF").find("here-document"), std::string::npos);
  EXPECT_NE(refusal("echo train.py").find("starts no training"), std::string::npos);
  EXPECT_NE(refusal("python train.py\npython train.py").find("line 2: starts a training, as line 1 does"),
            std::string::npos);
}

TEST(Shell, ValuesThatDoubleEndInALineAndNotInMemory) {
  std::string script = "A=xxxxxxxxxxxxxxxx\n";
  for (int i = 0; i < 60; ++i) script += "A=$A$A\n";
  EXPECT_NE(refusal(script + "python train.py $A").find("longer than is read"), std::string::npos);
  std::string nested = "python train.py ";
  for (int i = 0; i < 40; ++i) nested += "${A:-";
  for (int i = 0; i < 40; ++i) nested += "}";
  EXPECT_NE(refusal(nested).find("deeper than is read"), std::string::npos);
  EXPECT_EQ(arguments_of("python train.py $((" + std::string(5000, '(') + "1" + std::string(5000, ')') + "))")
                .back(),
            '?');
}

}  // namespace
}  // namespace ds::convert
