#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "reconciler/api/run.h"
#include "reconciler/ports/objects.h"
#include "reconciler/ports/provider.h"
#include "reconciler/release/drift.h"

namespace slipway::release {

// How often the servers of a release are looked at.
inline constexpr Duration kDriftInterval = std::chrono::minutes(5);

// Looks, now and then, at the servers of releases that have no open run: at the links, and where these are right and a
// process manager runs what is live, at its processes. Each release has its own moment within the
// interval, so that many do not look at once, also after a restart. Thread-safe for different releases.
class DriftWatch {
 public:
  // `wake` is called when a look is complete, on the provider's thread.
  DriftWatch(const ApiReader& reader, Provider& provider, Clock& clock, std::function<void(const ObjectKey&)> wake);

  // What the last look brought, once; nothing while it goes on, or when it was about another run.
  std::optional<std::vector<DriftSight>> take(const ObjectKey& release, const ReleaseRun& run);
  // Begins a look when one is due; how long it is until something is to be done again. `run` has ended.
  Duration tend(const Release& release, const ReleaseRun& run);
  void forget(const ObjectKey& release);

 private:
  struct Looking;

  std::shared_ptr<Looking> lookingAt(const Release& release, const ReleaseRun& run);
  static StepEvents eventsFor(const std::shared_ptr<Looking>& looking, Provider& provider,
                              std::function<void()> complete);
  std::vector<StepRequest> requestsFor(const Release& release, const ReleaseRun& run) const;

  const ApiReader& reader_;
  Provider& provider_;
  Clock& clock_;
  const std::function<void(const ObjectKey&)> wake_;
  std::mutex mutex_;
  std::map<ObjectKey, std::shared_ptr<Looking>> looking_;
};

}  // namespace slipway::release
