#include "reconciler/schema/structural_schema.h"

#include "reconciler/base/strings.h"
#include "reconciler/schema/node.h"

namespace slipway::schema {
namespace {

const StructuralSchema* viewOf(const Node* node) { return node == nullptr ? nullptr : node->view.get(); }

// One level of a schema whose nodes live in the root.
class LevelSchema : public StructuralSchema {
 public:
  explicit LevelSchema(const Node& node) : node_(node) {}

  std::vector<std::string> unknownFields(Json& object, bool prune, const Json* known) const override {
    std::vector<std::string> unknown = findUnknown(node_, object, known);
    if (prune && !unknown.empty()) {
      dropUnknown(node_, object);
    }
    return unknown;
  }
  void applyDefaults(Json& object, const Json* known) const override { fillDefaults(node_, object, known); }
  std::vector<FieldError> validate(const Json& object, const Json* old, const Json* known) const override {
    std::vector<FieldError> errors = validateValue(node_, object, known);
    return errors.empty() && node_.rulesBelow ? validateRules(node_, object, old, known) : errors;
  }
  const Json& source() const override { return *node_.source; }
  const StructuralSchema* property(std::string_view name) const override { return viewOf(node_.find(name)); }
  const StructuralSchema* items() const override { return viewOf(node_.items.get()); }
  const StructuralSchema* additionalProperties() const override { return viewOf(node_.additional.get()); }
  ListType listType() const override { return node_.listType; }
  const std::vector<std::string>& listMapKeys() const override { return node_.listMapKeys; }
  bool atomicMap() const override { return node_.atomicMap; }
  bool preservesUnknownFields() const override { return node_.preserve; }
  const Json* defaultValue() const override { return node_.defaultValue ? &*node_.defaultValue : nullptr; }

 private:
  const Node& node_;
};

void addViews(Node& node) {
  node.view = std::make_unique<LevelSchema>(node);
  for (auto& [name, property] : node.properties) {
    addViews(*property);
  }
  for (Node* below : {node.items.get(), node.additional.get()}) {
    if (below != nullptr) {
      addViews(*below);
    }
  }
}

// Owns the nodes and the text they were made from.
class RootSchema final : public LevelSchema {
 public:
  RootSchema(std::unique_ptr<const Json> source, std::unique_ptr<const Node> root)
      : LevelSchema(*root), source_(std::move(source)), root_(std::move(root)) {}

 private:
  std::unique_ptr<const Json> source_;
  std::unique_ptr<const Node> root_;
};

}  // namespace

Result<std::shared_ptr<const StructuralSchema>> compileSchema(const Json& openApiSchema, const std::string& path,
                                                              std::vector<FieldError>& errors) {
  // The nodes keep pointers into the copy, so it must not move once they are compiled.
  auto source = std::make_unique<Json>(openApiSchema);
  std::unique_ptr<Node> root = compileNode(*source, path, errors);
  if (root == nullptr) {
    return Status(Code::Invalid, describe(errors));
  }
  addViews(*root);
  return std::shared_ptr<const StructuralSchema>(std::make_shared<RootSchema>(std::move(source), std::move(root)));
}

Result<std::shared_ptr<const StructuralSchema>> StructuralSchema::compile(const Json& openApiSchema) {
  std::vector<FieldError> errors;
  return compileSchema(openApiSchema, {}, errors);
}

}  // namespace slipway::schema
