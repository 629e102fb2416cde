#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/apiserver/rest_error.h"
#include "reconciler/apiserver/watch_cache.h"

namespace slipway::apiserver {

// Which objects a list, a watch or a collection delete is about: label and field selectors in Kubernetes' grammar.
// Immutable.
class ListSelector {
 public:
  // 400 for a malformed selector or a field that cannot be selected by.
  static ApiResult<ListSelector> parse(const ResourceInfo& resource, std::string_view labels, std::string_view fields);

  bool empty() const { return labels_.empty() && fields_.empty(); }
  bool matches(const StoredObject& object) const;
  // What metadata.name must be, where the selector fixes it: such a watch concerns one object only.
  const std::optional<std::string>& name() const { return name_; }

 private:
  enum class Operator { In, NotIn, Exists, Missing, Greater, Less };
  struct Requirement {
    std::string key;
    Operator op = Operator::In;
    std::vector<std::string> values;
  };
  class LabelParser;

  static bool satisfies(const Requirement& requirement, const std::string* value);
  ApiCheck parseFields(const ResourceInfo& resource, std::string_view text);

  std::vector<Requirement> labels_;
  std::vector<Requirement> fields_;
  std::optional<std::string> name_;
};

}  // namespace slipway::apiserver
