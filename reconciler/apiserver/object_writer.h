#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/apiserver/forms/managed_fields.h"
#include "reconciler/apiserver/forms/negotiation.h"
#include "reconciler/apiserver/registry.h"
#include "reconciler/apiserver/rest_error.h"

namespace slipway::apiserver {

enum class FieldValidation { Warn, Strict, Ignore };

struct WriteOptions {
  std::string manager = "unknown";
  FieldValidation validation = FieldValidation::Warn;
  bool dryRun = false;
  std::string subresource;              // "", "status", "scale", "finalize"
  std::vector<std::string> duplicates;  // paths of keys the body gave twice
};

// One object's place: a resource and a key. For create the key has no name.
struct Target {
  ResourcePtr resource;
  ObjectKey key;
};

struct Patch {
  BodyFormat format = BodyFormat::MergePatch;
  Json body;
  bool force = false;  // apply only
};

struct DeleteOptions {
  std::string uid;              // precondition, when not empty
  std::string resourceVersion;  // precondition, when not empty
  std::string propagation;      // "", Background, Foreground or Orphan
  bool dryRun = false;
};

struct Written {
  StoredPtr object;  // as stored; for a removal the last state; revision 0 after a dry run of a create
  bool created = false;
  bool removed = false;
  std::vector<std::string> warnings;
};

// Every write there is, from users, reconcilers and the collector: decode, prune, default, strategy, validate, own, and
// commit, decided on the newest version and decided again when somebody was faster. Thread-safe; blocks until durable.
class ObjectWriter {
 public:
  explicit ObjectWriter(Registry& registry) : registry_(registry) {}

  ApiResult<Written> create(const Target& target, Json object, const WriteOptions& options);
  // PUT. Lease and Event are created when missing.
  ApiResult<Written> replace(const Target& target, const Json& object, const WriteOptions& options);
  ApiResult<Written> patch(const Target& target, const Patch& patch, const WriteOptions& options);
  ApiResult<Written> remove(const Target& target, const DeleteOptions& options);

  // What to make of the live object. `tracked`: metadata.managedFields are set already.
  struct Draft {
    Json object;
    bool tracked = false;
    const Json* known = nullptr;  // set by edit(): the live object if the schema found nothing to refuse in it
  };
  using Edit = std::function<ApiResult<Draft>(const Json& live)>;
  ApiResult<Written> edit(const Target& target, const WriteOptions& options, const Edit& edit);

 private:
  ApiResult<Written> applyPatch(const Target& target, const Patch& patch, const WriteOptions& options);
  ApiResult<Written> insert(const Target& target, Json object, const WriteOptions& options, bool tracked);
  ApiResult<Written> tryInsert(const Target& target, Json object, const WriteOptions& options, bool tracked);
  ApiResult<Written> tryEdit(const Target& target, const WriteOptions& options, const Edit& edit);
  ApiResult<Written> tryRemove(const Target& target, const DeleteOptions& options);
  ApiResult<Written> told(ApiResult<Written> result);
  ApiCheck prepareCreate(const Target& target, Json& object, const WriteOptions& options, Written& out);
  ApiCheck prepareUpdate(const Target& target, const Json& live, Draft& draft, Written& out,
                         const WriteOptions& options);
  ApiCheck finishUpdate(const Target& target, const Json& live, Draft& draft, const WriteOptions& options);
  ApiCheck decode(const Target& target, Json& object, const Json* known, const WriteOptions& options,
                  Written& out) const;
  ManagedWrite managed(const Target& target, const WriteOptions& options) const;
  ApiCheck namespaceAccepts(const Target& target, const std::string& name) const;
  std::optional<Json> markDeleted(const Target& target, const Json& live, const std::string& propagation) const;

  Registry& registry_;
};

}  // namespace slipway::apiserver
