#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "reconciler/apiserver/forms/resource_info.h"

namespace slipway::apiserver {

// Compiled definitions by content, for registries that are opened one after another on copies of one store: what a
// definition declares is immutable and compiling it is dear. Thread-safe.
class DefinitionCache {
 public:
  // What `compile` makes of these bytes, made once.
  std::vector<ResourcePtr> get(const std::string& definition,
                               const std::function<std::vector<ResourcePtr>()>& compile) {
    const std::lock_guard lock(mutex_);
    const auto known = compiled_.find(definition);
    return known != compiled_.end() ? known->second : compiled_.emplace(definition, compile()).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<ResourcePtr>> compiled_;
};

}  // namespace slipway::apiserver
