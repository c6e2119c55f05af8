// The tables of names go both ways: no name of theirs twice, no two of ours for a value, every key one that a job has.
#include "simulator/workload/names.h"

#include <gtest/gtest.h>

#include <set>

#include "simulator/base/json.h"
#include "simulator/convert/megatron_flags.h"
#include "simulator/convert/torchtitan_flags.h"
#include "simulator/workload/aliases.h"
#include "simulator/workload/plan_keys.h"
#include "simulator/workload/workload.h"

namespace ds::workload {
namespace {

constexpr std::span<const Name> (*kTables[])() = {megatron_names, deepspeed_names, torchtitan_names};

TEST(Names, OfTheirsAreThereOnce) {
  for (const auto table : kTables) {
    std::set<std::string_view> seen;
    for (const Name& name : table()) EXPECT_TRUE(seen.insert(name.theirs).second) << name.theirs;
  }
}

TEST(Names, ThatMeanAKeyAloneAreTheOnlyOnes) {
  // Versions differ: torchtitan has called the length of a sequence two names.
  for (const auto table : {megatron_names, deepspeed_names}) {
    std::set<std::string_view> seen;
    for (const Name& name : table())
      EXPECT_TRUE(name.form == Form::derived || seen.insert(name.ours).second) << name.ours;
  }
}

TEST(Names, WordsAreOneToOne) {
  for (const auto table : kTables)
    for (const Name& name : table()) {
      EXPECT_EQ(name.form == Form::word, !name.words.empty()) << name.theirs;
      std::set<std::string_view> theirs, ours;
      for (const NamedWord& word : name.words) {
        EXPECT_TRUE(theirs.insert(word.theirs).second) << word.theirs;
        EXPECT_TRUE(ours.insert(word.ours).second) << word.ours;
      }
    }
}

/// Keys of a job by its schema, below model's object and plan.
bool is_key(const std::string& path) {
  const Document schema = parse_document(job_schema(), "schema");
  Cursor at = schema.root();
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    if (const auto either = at.find("anyOf")) at = either->list().back();
    const auto properties = at.find("properties");
    const auto found = properties ? properties->find(path.substr(begin, end - begin)) : std::nullopt;
    if (!found) return false;
    at = *found;
    begin = end + 1;
  }
  return true;
}

TEST(Names, OfOursAreKeysOfAJob) {
  for (const auto table : kTables)
    for (const Name& name : table()) EXPECT_TRUE(is_key(std::string(name.ours))) << name.ours;
}

TEST(Names, AreWhatTheJobReaderHintsAt) {
  EXPECT_EQ(path_meant_by("plan.tensor_model_parallel_size"), "plan.tp");
  EXPECT_EQ(path_meant_by("plan.moe-router-topk"), "model.moe.top_k");
  EXPECT_EQ(path_meant_by("train.train_micro_batch_size_per_gpu"), "plan.micro_batch");
  EXPECT_EQ(path_meant_by("train.steps"), "");  // a word that means many things
}

TEST(Names, AFlagIsAKeyOrSomethingElseAndNotBoth) {
  for (const convert::Catalogue* catalogue : {&convert::megatron_flags(), &convert::torchtitan_flags()}) {
    std::set<std::string> exact;
    for (const Name& name : catalogue->keys) exact.insert(std::string(name.theirs));
    for (const convert::OtherFlags& group : catalogue->others) {
      std::string_view rest = group.names;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        EXPECT_TRUE(end == 0 || exact.insert(std::string(rest.substr(0, end))).second) << rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      EXPECT_EQ(group.use == convert::Use::lacking, !group.what.empty()) << group.names;
    }
  }
}

}  // namespace
}  // namespace ds::workload
