#pragma once

#include <optional>
#include <string>

#include "cmd/slipway/context.h"
#include "cmd/slipway/views/release_tree.h"
#include "reconciler/api/kinds.h"

namespace slipway::cli {

// Where a release stands with what its spec asks for.
enum class Standing {
  Progressing,  // also: not looked at yet, paused
  Converged,    // Ready for this generation
  Failed,       // failed, rolled back, cancelled, stalled or suspended: it will not go on by itself
};

// Pure. By status alone, and only when that is about the newest generation.
Standing standingOf(const Json& release);
// The same for one run.
Standing standingOfRun(const Json& run, bool backIsGood);

// The release and the run its status names (null when there is none).
struct ReleaseView {
  Json release;
  std::optional<Json> run;
};
Result<ReleaseView> fetchRelease(client::ApiClient& api, const ObjectKey& key);

struct FollowOptions {
  Duration timeout{0};  // none
  bool tree = true;     // false: only the end is told
  bool everyStep = false;
  // Set: follow the newest run to its end instead, once that is another one than this.
  std::optional<std::string> afterRun;
  bool backIsGood = false;  // with afterRun: ending as RolledBack or Cancelled is what was asked for
};

// Shows the release's tree until it has converged or failed, redrawn on a terminal, elsewhere each line when it
// changes. The exit code: kConverged, kFailed, or kTimedOut while still progressing.
int followRelease(Context& context, const ObjectKey& key, const FollowOptions& options);

TreeStyle treeStyle(const Context& context, bool ticking, bool everyStep);

}  // namespace slipway::cli
