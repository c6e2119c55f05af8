// The encoding of a briefing.
#include "executor/ranks/briefing.h"

#include <string>
#include <utility>

#include "executor/ranks/coding.h"

namespace ds::executor {

std::vector<std::byte> encode(const Briefing& briefing) {
  Writer writer;
  writer.value(briefing.text_hash);
  writer.value(std::uint64_t{briefing.files.size()});
  for (const auto& [name, content] : briefing.files) writer.list(name), writer.list(content);
  return writer.take();
}

Briefing decode_briefing(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  Briefing briefing;
  reader.value(briefing.text_hash);
  std::uint64_t files = 0;
  for (reader.value(files); files > 0; --files) {
    std::string name, content;
    reader.list(name), reader.list(content);
    briefing.files.emplace(std::move(name), std::move(content));
  }
  reader.end();
  return briefing;
}

}  // namespace ds::executor
