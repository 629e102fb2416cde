#pragma once

#include <string>
#include <vector>

#include "cmd/slipway/context.h"
#include "cmd/slipway/manifests.h"
#include "reconciler/planner/plan.h"
#include "reconciler/ports/objects.h"

namespace slipway::cli {

// Reads what manifests declare before what the API server has: a plan of something that was not applied yet. `api` may
// be null: manifests only. Secrets are never asked for.
class ManifestReader final : public ApiReader {
 public:
  ManifestReader(const std::vector<Manifest>& manifests, std::string defaultNamespace, client::ApiClient* api);
  Result<ObjectPtr> get(const Kind& kind, const ObjectKey& key) const override;
  Result<ObjectList> list(const Kind& kind, const std::string& ns) const override;
  // Of the Release as the controller knows it; empty: it does not, or nobody asks it.
  std::string liveGroup(const ObjectKey& release) const;

 private:
  std::string ns_;
  std::vector<std::pair<ObjectKey, ObjectPtr>> objects_;
  client::ApiClient* api_;
};

// The waves as people and as programs read them. Pure.
std::string planText(const Release& release, const std::vector<RunTarget>& targets,
                     const std::vector<planner::PreviewWave>& waves);
Json planJson(const Release& release, const std::vector<RunTarget>& targets,
              const std::vector<planner::PreviewWave>& waves);

struct PlanOptions {
  std::vector<std::string> files;
  bool offline = false;
  OutputForm form = OutputForm::Text;
};
// Prints the plan of every Release in the files; touches nothing. The exit code.
int printPlans(Context& context, const PlanOptions& options);

}  // namespace slipway::cli
