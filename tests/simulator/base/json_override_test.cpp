#include <gtest/gtest.h>

#include "simulator/base/error.h"
#include "simulator/base/json.h"

namespace ds {
namespace {

Document with(std::string_view text, std::string_view assignment) {
  Document document = parse_document(text, "");
  apply_override(document, assignment);
  return document;
}

TEST(Override, ReplacesAValueAndMakesMissingObjects) {
  EXPECT_EQ(with(R"({"plan": {"tp": 8}})", "plan.tp=4").root().member("plan").member("tp").count(), 4);
  EXPECT_EQ(with("{}", "plan.tp=4").root().member("plan").member("tp").count(), 4);
}

TEST(Override, TakesJsonElseText) {
  EXPECT_EQ(with("{}", "a=bf16").root().member("a").text(), "bf16");
  EXPECT_EQ(with("{}", "a=\"bf16\"").root().member("a").text(), "bf16");
  EXPECT_TRUE(with("{}", "a=true").root().member("a").boolean());
  EXPECT_EQ(with("{}", "a=[7, 8]").root().member("a").list().size(), 2U);
  EXPECT_EQ(with("{}", "a=").root().member("a").text(), "");
  EXPECT_EQ(with("{}", "a=b=c").root().member("a").text(), "b=c");
  EXPECT_EQ(with("{}", "a=2:4").root().member("a").text(), "2:4");
}

TEST(Override, ReachesElementsOfLists) {
  EXPECT_EQ(with(R"({"a": [7, 8]})", "a[1]=9").root().member("a").list()[1].count(), 9);
  EXPECT_EQ(with(R"({"a": [7, 8]})", "a[2]=9").root().member("a").list().size(), 3U);
  EXPECT_EQ(with(R"({"a": [{"b": 1}]})", "a[0].b=2").root().member("a").list()[0].member("b").count(), 2);
}

TEST(Override, NamesItselfWhenThePathCannotBeFollowed) {
  for (const char* bad :
       {"plan.tp", "=4", "plan.=4", ".tp=4", "plan..tp=4", "a[x]=1", "a[=1", "a[3]=1", "a[-1]=1",
        "a[99999999999999999999]=1", "text.b=1", "a.b=1", "text[0]=1", "a[0]b=1", "a[]=1"})
    try {
      with(R"({"a": [7, 8], "text": "t"})", bad);
      ADD_FAILURE() << bad << " was accepted";
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("--set"), std::string::npos) << error.what();
    }
}

/// All four parts: where, what is wrong, with which value, what would be right.
TEST(Override, SaysWhatWouldBeRight) {
  const std::pair<const char*, const char*> cases[] = {
      {"[0]=1",
       "--set [0]=1: the document is an object of 2 keys, not a list; set one of its keys, such as a=VALUE"},
      {"text[0]=1", "--set text[0]=1: text is \"t\", not a list; leave the index out"},
      {"text.b=1", "--set text.b=1: text is \"t\", so it has no key b; text={...} gives it an object"},
      {"a[3]=1", "--set a[3]=1: a has 2 elements; [2] adds one"}};
  for (const auto& [assignment, says] : cases) try {
      with(R"({"a": [7, 8], "text": "t"})", assignment);
      ADD_FAILURE() << assignment;
    } catch (const InputError& error) {
      EXPECT_STREQ(error.what(), says);
    }
}

TEST(Override, RefusesValuesThatAreNoUtf8) { EXPECT_THROW(with("{}", "a=\xff\xfe"), InputError); }

}  // namespace
}  // namespace ds
