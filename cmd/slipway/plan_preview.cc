#include "cmd/slipway/plan_preview.h"

#include <algorithm>

#include "cmd/slipway/views/text_table.h"
#include "reconciler/base/strings.h"
#include "reconciler/release/targets.h"

namespace slipway::cli {
namespace {

// The defaults that admission would fill in.
void applyDefaults(Json& object) {
  for (const schema::Crd& crd : embeddedCrds()) {
    for (const schema::CrdVersion& version : crd.versions) {
      if (object.getString("kind") == crd.kind && object.getString("apiVersion") == crd.group + "/" + version.name) {
        version.schema->applyDefaults(object);
      }
    }
  }
}

Result<Json> planOf(const Manifest& manifest, const ManifestReader& reader, const std::string& ns, std::string& text) {
  Json object = manifest.object;
  applyDefaults(object);
  object["metadata"]["namespace"] = ns;
  const auto release = releaseFromJson(object);
  if (!release) {
    return release.status().withContext(manifest.place());
  }
  const auto targets = release::freezeTargets(reader, ns, release->spec);
  if (!targets) {
    return targets.status().withContext(manifest.place());
  }
  RunSpec run;
  run.release = release->meta.name;
  run.version = release->spec.version;
  run.spec = release->spec;
  const auto waves = planner::preview(run, *targets, reader.liveGroup({ns, release->meta.name}));
  text += planText(*release, *targets, waves);
  return planJson(*release, *targets, waves);
}

}  // namespace

ManifestReader::ManifestReader(const std::vector<Manifest>& manifests, std::string defaultNamespace,
                               client::ApiClient* api)
    : ns_(std::move(defaultNamespace)), api_(api) {
  for (const Manifest& manifest : manifests) {
    Json object = manifest.object;
    applyDefaults(object);
    const std::string ns = manifest.ns().empty() ? ns_ : manifest.ns();
    object["metadata"]["namespace"] = ns;
    objects_.emplace_back(ObjectKey{ns, manifest.name()}, std::make_shared<const Json>(std::move(object)));
  }
}

Result<ObjectPtr> ManifestReader::get(const Kind& kind, const ObjectKey& key) const {
  for (const auto& [known, object] : objects_) {
    if (known == key && object->getString("kind") == kind.kind) {
      return object;
    }
  }
  if (api_ == nullptr) {
    return Status(Code::NotFound, cat(kind.kind, " ", key.toString(), " is not in the files that were given"));
  }
  auto object = api_->get(kind, key);
  if (!object) {
    return object.status();
  }
  return std::make_shared<const Json>(std::move(*object));
}

std::string ManifestReader::liveGroup(const ObjectKey& release) const {
  const auto object = api_ == nullptr ? Result<Json>(Code::NotFound, "") : api_->get(kRelease, release);
  const Json* group = object ? object->at({"status", "liveGroup"}) : nullptr;
  return group != nullptr && group->isString() ? group->asString() : std::string();
}

Result<ObjectList> ManifestReader::list(const Kind& kind, const std::string& ns) const {
  ObjectList all;
  if (api_ != nullptr) {
    auto listed = api_->list(kind, ns);
    if (!listed) {
      return listed;
    }
    all = std::move(*listed);
  }
  for (const auto& [key, object] : objects_) {
    if (object->getString("kind") != kind.kind || (!ns.empty() && key.ns != ns)) {
      continue;
    }
    std::erase_if(all.items, [&, wanted = key.name](const ObjectPtr& other) {
      const Json* name = other->at({"metadata", "name"});
      return name != nullptr && name->isString() && name->asString() == wanted;
    });
    all.items.push_back(object);
  }
  return all;
}

std::string planText(const Release& release, const std::vector<RunTarget>& targets,
                     const std::vector<planner::PreviewWave>& waves) {
  std::string out =
      cat("Plan of release ", release.meta.ns, "/", release.meta.name, ": version ",
          release.spec.version.empty() ? "(chosen when the run starts)" : release.spec.version, ", ", targets.size(),
          targets.size() == 1 ? " server" : " servers", ", ", strategyName(release.spec.strategy.type), "\n");
  std::size_t number = 0;
  for (const planner::PreviewWave& wave : waves) {
    out += cat("  ", ++number, ". ", stepName(wave.kind), wave.targets.empty() ? "" : " on ", join(wave.targets, ", "),
               "\n");
    if (!wave.note.empty()) {
      out += cat("     ", wave.note, "\n");
    }
  }
  return out;
}

Json planJson(const Release& release, const std::vector<RunTarget>& targets,
              const std::vector<planner::PreviewWave>& waves) {
  Json out = Json::object({{"release", release.meta.name},
                           {"namespace", release.meta.ns},
                           {"version", release.spec.version},
                           {"targets", Json::array()},
                           {"waves", Json::array()}});
  for (const RunTarget& target : targets) {
    out["targets"].push(Json::object({{"name", target.name}, {"destination", target.destination}}));
  }
  for (const planner::PreviewWave& wave : waves) {
    Json names = Json::array();
    for (const std::string& name : wave.targets) {
      names.push(name);
    }
    out["waves"].push(
        Json::object({{"step", stepName(wave.kind)}, {"targets", std::move(names)}, {"note", wave.note}}));
  }
  return out;
}

int printPlans(Context& context, const PlanOptions& options) {
  const auto texts = readManifestTexts(options.files);
  if (!texts) {
    return context.fail(texts.status());
  }
  const auto manifests = parseManifests(*texts);
  if (!manifests) {
    return context.fail(manifests.status());
  }
  if (const auto findings = lintOwnKinds(*texts, *manifests); !findings.empty()) {
    for (const auto& finding : findings) {
      context.note(cat("error: ", describe(finding)));
    }
    return kBadInput;
  }
  client::ApiClient* api = nullptr;
  if (!options.offline) {
    auto made = context.client();
    if (!made) {
      return context.fail(made.status().withContext("--offline plans from the files alone"));
    }
    api = *made;
  }
  const std::string ns = api == nullptr ? context.nsOr("default") : context.ns();
  const ManifestReader reader(*manifests, ns, api);
  std::string text;
  std::vector<Json> plans;
  for (const Manifest& manifest : *manifests) {
    if (manifest.kind() != kRelease.kind || manifest.apiVersion() != kRelease.apiVersion()) {
      continue;
    }
    auto plan = planOf(manifest, reader, manifest.ns().empty() ? ns : manifest.ns(), text);
    if (!plan) {
      return context.fail(plan.status());
    }
    plans.push_back(std::move(*plan));
  }
  if (plans.empty()) {
    return context.badInput("there is no Release in the files that were given");
  }
  if (options.form == OutputForm::Text) {
    context.print(text);
  } else {
    context.print(documentText(plans.size() == 1 ? plans.front() : Json(Json::Array(plans)), options.form));
  }
  return kConverged;
}

}  // namespace slipway::cli
