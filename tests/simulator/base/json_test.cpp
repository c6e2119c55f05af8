#include "simulator/base/json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "simulator/base/error.h"
#include "simulator/base/hash.h"

namespace ds {
namespace {

/// The message that reading `text` and asking for `use` gives, "" when there is none.
template <class Use>
std::string message(std::string_view text, Use use) {
  try {
    const Document document = parse_document(text, "f.json");
    use(document.root());
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

std::string parse_message(std::string_view text) {
  return message(text, [](const Cursor&) {});
}

std::int64_t count_of(std::string_view literal) {
  const Document document = parse_document(std::string("{\"n\": ") + std::string(literal) + "}", "");
  return document.root().member("n").count(0);
}

TEST(Json, ReadsWholeNumbersHoweverTheyAreWritten) {
  EXPECT_EQ(count_of("8"), 8);
  EXPECT_EQ(count_of("8.0"), 8);
  EXPECT_EQ(count_of("1.536e3"), 1536);
  EXPECT_EQ(count_of("300E9"), 300'000'000'000);
  EXPECT_EQ(count_of("0"), 0);
  EXPECT_EQ(count_of("9007199254740992"), kMaxWhole);
  EXPECT_EQ(count_of("9007199254740992.0"), kMaxWhole);
}

TEST(Json, RefusesWhatIsNoWholeNumber) {
  for (const char* literal :
       {"4.7", "true", "\"8\"", "null", "[8]", "{}", "-1", "-0", "-0.0", "8.0000001", "8.00000000000000001",
        "1e18", "1e300", "9007199254740993", "9007199254740993.0", "18446744073709551616",
        "9223372036854775808", "-9223372036854775809", "1e-400"})
    EXPECT_THROW(count_of(literal), InputError) << literal;
}

TEST(Json, SaysWhereAValueIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(message(R"({"plan": {"stage_layers": [7, 8, "x"]}})",
                    [](const Cursor& at) { at.member("plan").member("stage_layers").list()[2].count(); }),
            R"(f.json: plan.stage_layers[2]: is "x" (text), must be a whole number)");
  EXPECT_EQ(message(R"({"tp": 0})", [](const Cursor& at) { at.member("tp").count(); }),
            "f.json: tp: is 0, must be at least 1");
  EXPECT_EQ(message(R"({"tp": [1]})", [](const Cursor& at) { at.member("tp").count(); }),
            "f.json: tp: is [1] (a list), must be a whole number");
  EXPECT_EQ(message("{}", [](const Cursor& at) { at.member("tp"); }),
            "f.json: tp: is missing; the key is required");
}

TEST(Json, NamesTheNearestKnownKey) {
  const auto only = [](const Cursor& at) { at.member("plan").only({"tp", "precision", "micro_batch"}); };
  EXPECT_EQ(message(R"({"plan": {"percision": 1}})", only),
            "f.json: plan.percision: unknown key; did you mean plan.precision?");
  EXPECT_EQ(message(R"({"plan": {"zzzzzzz": 1}})", only),
            "f.json: plan.zzzzzzz: unknown key; known are tp, precision and micro_batch");
}

TEST(Json, RefusesAKeyThatStandsTwiceEvenWithEqualValues) {
  EXPECT_EQ(parse_message(R"({"plan": {"tp": 8, "tp": 8}})"),
            "f.json: plan.tp: the key appears twice; keep one");
  EXPECT_EQ(parse_message(R"({"a": [1, {"b": {"c": 1}, "b": 2}]})"),
            "f.json: a[1].b: the key appears twice; keep one");
}

TEST(Json, SaysLineAndColumnOfASyntaxError) {
  EXPECT_NE(parse_message("{\n  \"a\": 1,\n  \"b\" 2\n}").find("line 3, column 7"), std::string::npos);
  for (const char* text :
       {"", "{", "[1,]", "{'a': 1}", "NaN", "[1] x", "08", "0x8", R"("\ud800")", "\"\xff\"", "\x01"})
    EXPECT_NE(parse_message(text).find("line 1, column"), std::string::npos) << text;
}

TEST(Json, NamesThePathOfANumberThatNoDoubleHolds) {
  const std::string text = parse_message(R"({"train": {"tokens": [1, 1e400]}})");
  EXPECT_NE(text.find("train.tokens[1]: the number is too large"), std::string::npos) << text;
}

TEST(Json, ReadsSixtyFourLevelsAndNoMore) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(parse_message(nested(kMaxDepth)), "");
  EXPECT_NE(parse_message(nested(kMaxDepth + 1)).find("nested more than 64 deep"), std::string::npos);
}

TEST(Json, KeepsControlCharactersOutOfMessages) {
  for (const char* text : {R"({"\u001b[31m": 1})", R"({"a": "\u001b[31m\u009b"})", "{\"a\": \x1b[31m}"}) {
    const std::string said = message(text, [](const Cursor& at) { at.only({"a"}), at.member("a").count(); });
    EXPECT_FALSE(said.empty());
    for (const char c : said) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << said;
  }
}

TEST(Json, ShowsHugeValuesShortly) {
  const std::string said = message(R"({"a": ")" + std::string(5'000'000, 'x') + "\"}",
                                   [](const Cursor& at) { at.member("a").count(); });
  EXPECT_LT(said.size(), 200U);
}

TEST(Json, ChoosesAmongWordsAndSuggestsTheNearest) {
  enum class Color { red, green };
  static constexpr Named<Color> kColors[] = {{"red", Color::red}, {"green", Color::green}};
  const Document good = parse_document(R"({"c": "green"})", "");
  EXPECT_EQ(good.root().member("c").one_of(kColors), Color::green);
  EXPECT_EQ(message(R"({"c": "gren"})", [](const Cursor& at) { at.member("c").one_of(kColors); }),
            "f.json: c: is \"gren\", must be one of red and green; did you mean green?");
}

TEST(Json, RefusesNulInTextAsItMayBecomeAFileName) {
  EXPECT_NE(message(R"({"a": "b\u0000c"})", [](const Cursor& at) { at.member("a").text(); }), "");
}

TEST(Json, FindNotNullTakesNullAsAbsent) {
  const Document document = parse_document(R"({"a": null})", "");
  EXPECT_TRUE(document.root().find("a"));
  EXPECT_FALSE(document.root().find_not_null("a"));
}

TEST(Hash, IsFnv1a) {
  EXPECT_EQ(hex(hash_of("")), "cbf29ce484222325");   // offset basis
  EXPECT_EQ(hex(hash_of("a")), "af63dc4c8601ec8c");  // draft-eastlake-fnv, test vectors
}

}  // namespace
}  // namespace ds
