// JSON against JSON Schema, by somebody else's validator. Alone in its file: the library takes long to compile.
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/utils/nlohmann_json_utils.hpp>
#include <valijson/validator.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {

std::string schema_faults(const std::string& schema, const std::string& text) {
  using Adapter = valijson::adapters::NlohmannJsonAdapter;
  nlohmann::json document, value;
  const std::string file = std::string(DS_SOURCE_DIR) + "/profiles/schemas/" + schema + ".json";
  if (!valijson::utils::loadDocument(file, document)) return file + " cannot be read";
  value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return "not JSON: " + text.substr(0, 200);

  valijson::Schema rules;
  valijson::SchemaParser().populateSchema(Adapter(document), rules);
  valijson::ValidationResults results;
  std::string faults;
  if (!valijson::Validator(valijson::Validator::kStrongTypes).validate(rules, Adapter(value), &results))
    for (valijson::ValidationResults::Error error; results.popError(error);) {
      for (const std::string& part : error.context) faults += part;
      faults += ": " + error.description + "\n";
    }
  return faults;
}

}  // namespace ds::e2e
