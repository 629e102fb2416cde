#pragma once

#include <memory>
#include <vector>

#include "reconciler/ports/objects.h"
#include "reconciler/runtime/informer.h"

namespace slipway::runtime {

// Reads from the informers' caches; kinds that none of them follows from the other reader. The caches may be behind the
// API server: a write that was decided on an old object gets Conflict. Thread-safe.
class CachedReader final : public ApiReader {
 public:
  CachedReader(std::vector<const Informer*> informers, const ApiReader& other)
      : informers_(std::move(informers)), other_(other) {}

  // Unavailable until the kind's informer has synced: an empty cache says nothing about the world.
  Result<ObjectPtr> get(const Kind& kind, const ObjectKey& key) const override;
  Result<ObjectList> list(const Kind& kind, const std::string& ns) const override;

 private:
  const Informer* informerOf(const Kind& kind) const;

  const std::vector<const Informer*> informers_;
  const ApiReader& other_;
};

}  // namespace slipway::runtime
