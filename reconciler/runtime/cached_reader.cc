#include "reconciler/runtime/cached_reader.h"

#include "reconciler/base/strings.h"

namespace slipway::runtime {
namespace {

Status notSynced(const Kind& kind) { return {Code::Unavailable, cat(kind.plural, " are not listed yet")}; }

}  // namespace

const Informer* CachedReader::informerOf(const Kind& kind) const {
  for (const auto* informer : informers_) {
    if (informer->kind() == kind) return informer;
  }
  return nullptr;
}

Result<ObjectPtr> CachedReader::get(const Kind& kind, const ObjectKey& key) const {
  const auto* informer = informerOf(kind);
  if (informer == nullptr) return other_.get(kind, key);
  if (auto object = informer->find(key)) return object;
  if (!informer->hasSynced()) return notSynced(kind);
  return Status(Code::NotFound, cat(kind.kind, " ", key.toString(), " does not exist"));
}

Result<ObjectList> CachedReader::list(const Kind& kind, const std::string& ns) const {
  const auto* informer = informerOf(kind);
  if (informer == nullptr) return other_.list(kind, ns);
  if (!informer->hasSynced()) return notSynced(kind);
  return informer->list(ns);
}

}  // namespace slipway::runtime
