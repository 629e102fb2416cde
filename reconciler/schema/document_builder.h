#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "reconciler/base/json.h"
#include "reconciler/schema/yaml.h"

namespace slipway::schema {

// Builds one document from the events of a reader and holds it to the options' bounds. Every call that adds something
// returns what is wrong, empty when nothing is; after an error the builder is of no further use.
class DocumentBuilder {
 public:
  DocumentBuilder(const YamlOptions& options, YamlDocument& out) : options_(options), out_(out) {}

  std::string key(std::string_view name, YamlPosition at);
  std::string scalar(Json value, YamlPosition at);
  std::string startMap(YamlPosition at);
  std::string startList(YamlPosition at);
  void endContainer();
  // A copy of a value built before, `nodes` nodes large.
  std::string copy(const Json& value, std::size_t nodes, YamlPosition at);

  bool inMap() const { return !frames_.empty() && frames_.back().value.isObject(); }
  bool inList() const { return !frames_.empty() && frames_.back().value.isArray(); }
  bool wantsKey() const { return inMap() && !frames_.back().keyed; }
  std::size_t depth() const { return frames_.size(); }
  std::size_t nodes() const { return nodes_; }
  // The container that ended last, or the scalar added last; valid until the next call.
  const Json& last() const { return *last_; }

 private:
  struct Frame {
    Json value;
    std::string key;
    bool keyed = false;
    std::size_t pathLength = 0;
    std::unordered_set<std::string> seen;  // filled only once a map is too large for linear look-ups
  };

  std::string enter(YamlPosition at);
  std::string startContainer(Json empty, YamlPosition at);
  void attach(Json value);
  bool isDuplicate(Frame& frame, std::string_view name);

  const YamlOptions& options_;
  YamlDocument& out_;
  std::vector<Frame> frames_;
  std::string path_;
  std::size_t nodes_ = 0;
  std::size_t copied_ = 0;
  const Json* last_ = nullptr;
};

}  // namespace slipway::schema
