#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "reconciler/apiserver/in_process_api.h"
#include "reconciler/ports/objects.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/timeline.h"

namespace slipway::sim {

// What a list answered, for those that come late.
using StaleLists = std::map<std::string, ObjectList>;

// The API as one control loop sees it, with everything that may go wrong on the way.
class FaultyApi final : public ApiReader, public ApiWriter, public StatusWriter, public WatchSource {
 public:
  struct Ports {
    apiserver::InProcessApi& api;
    Timeline& time;
    Faults& faults;
    StaleLists& stale;
    // The process is alive and may do this; false: it dies before (F1).
    std::function<bool()> before;
    // It was done; false: the process dies before it hears (F2).
    std::function<bool()> after;
    // A write ended with this code and made so many records.
    std::function<void(Code code, Revision written)> wrote;
    std::function<Revision()> lastRevision;
    // A watch of a kind hands out the next thing (I41).
    std::function<void(const Kind& kind, Revision after, Revision at, bool bookmark)> watched;
  };
  explicit FaultyApi(Ports ports) : ports_(std::move(ports)) {}

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
  class Stream;
  Result<ObjectPtr> tell(const std::function<Result<ObjectPtr>()>& effect);
  Result<ObjectPtr> write(const std::function<Result<ObjectPtr>()>& effect);

  Ports ports_;
  mutable std::set<std::string> connected_;  // lists that were fresh since the watch began
  mutable std::set<std::string> listed_;     // lists that this process had before
};

}  // namespace slipway::sim
