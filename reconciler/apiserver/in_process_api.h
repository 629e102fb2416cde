#pragma once

#include <functional>
#include <memory>
#include <string>

#include "reconciler/apiserver/object_writer.h"
#include "reconciler/apiserver/registry.h"
#include "reconciler/ports/objects.h"

namespace slipway::apiserver {

// The object ports directly on the registry, for reconcilers in the same process: the same admission as over HTTP,
// without it. A write is seen by every read that starts after it returned.
class InProcessApi final : public ApiReader, public ApiWriter, public StatusWriter, public WatchSource {
 public:
  InProcessApi(Registry& registry, ObjectWriter& writer) : registry_(registry), writer_(writer) {}

  Result<ObjectPtr> get(const Kind& kind, const ObjectKey& key) const override;
  Result<ObjectList> list(const Kind& kind, const std::string& ns) const override;

  Result<ObjectPtr> create(const Kind& kind, const Json& object) override;
  Result<ObjectPtr> update(const Kind& kind, const Json& object) override;
  Result<ObjectPtr> mergePatch(const Kind& kind, const ObjectKey& key, const Json& patch) override;
  Status remove(const Kind& kind, const ObjectKey& key, const std::string& uid) override;

  Result<ObjectPtr> replaceStatus(const Kind& kind, const ObjectKey& key, const std::string& resourceVersion,
                                  const Json& status) override;

  Result<std::unique_ptr<WatchStream>> watch(const Kind& kind, const std::string& resourceVersion,
                                             std::function<void()> wake) override;

 private:
  Result<ResourcePtr> resourceOf(const Kind& kind) const;

  Registry& registry_;
  ObjectWriter& writer_;
};

}  // namespace slipway::apiserver
