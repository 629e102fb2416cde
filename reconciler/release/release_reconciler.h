#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "reconciler/api/run.h"
#include "reconciler/ports/reconciler.h"
#include "reconciler/release/active_run.h"
#include "reconciler/release/drift_watch.h"
#include "reconciler/release/requests.h"
#include "reconciler/release/services.h"
#include "reconciler/release/step_launcher.h"

namespace slipway::release {

// Keeps while a run is open, so that a deleted Release ends its run first.
inline constexpr std::string_view kRunFinalizer = "slipway.dev/open-run";

// Drives one Release: handles requests, starts a run when what is asked for was not tried yet, drives the open run, and
// says in status what was observed. Thread-safe for different keys.
class ReleaseReconciler final : public Reconciler {
 public:
  explicit ReleaseReconciler(Services services);
  Result<Action> reconcile(const ObjectKey& key) override;

 private:
  class Visit;

  std::shared_ptr<ActiveRun> activeRun(const ObjectKey& release, const std::string& runUid);
  // Of whatever run; nullptr: none is open.
  std::shared_ptr<ActiveRun> activeRun(const ObjectKey& release);
  void forget(const ObjectKey& release);
  // releaseIdentity(), remembered as long as the spec stays the same.
  std::string identityOf(const Release& release);

  Services services_;
  StepLauncher launcher_;
  DriftWatch drift_;
  std::mutex mutex_;
  // By release: the open run's uid and what this process knows of it.
  std::map<ObjectKey, std::pair<std::string, std::shared_ptr<ActiveRun>>> active_;
  std::map<ObjectKey, std::pair<ReleaseSpec, std::string>> identities_;  // of Releases that are there
};

}  // namespace slipway::release
