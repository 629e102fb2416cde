#include "cmd/slipway/apply.h"

#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

void patchObject(const Json& last, const Json& wanted, const Json& live, Json& patch) {
  for (const auto& [key, value] : wanted.asObject()) {
    const Json* now = live.find(key);
    if (now == nullptr) {
      patch[key] = value;
    } else if (value.isObject() && now->isObject()) {
      const Json* before = last.find(key);
      Json inner = Json::object();
      patchObject(before == nullptr ? Json() : *before, value, *now, inner);
      if (!inner.asObject().empty()) {
        patch[key] = std::move(inner);
      }
    } else if (!(value == *now)) {
      patch[key] = value;
    }
  }
  if (!last.isObject()) {
    return;
  }
  for (const auto& [key, value] : last.asObject()) {
    if (wanted.find(key) == nullptr && live.find(key) != nullptr) {
      patch[key] = nullptr;
    }
  }
}

// The API server keeps stringData as data; only so can it be told whether anything differs.
void encodeStringData(Json& secret) {
  const Json* plain = secret.find("stringData");
  if (plain == nullptr || !plain->isObject()) {
    return;
  }
  const Json texts = *plain;
  for (const auto& [key, value] : texts.asObject()) {
    if (value.isString()) {
      secret["data"][key] = base64Encode(value.asString());
    }
  }
  secret.asObject().erase("stringData");
}

class Applier {
 public:
  Applier(Context& context, client::ApiClient& api, const ApplyOptions& options)
      : context_(context), api_(api), options_(options), names_(context) {}

  Status apply(Manifest& manifest, std::vector<ObjectKey>& releases);

 private:
  Status placeInNamespace(const KindInfo& info, Manifest& manifest) const;
  Status create(const KindInfo& info, const Manifest& manifest, Json object);
  Status change(const KindInfo& info, const Manifest& manifest, const Json& live, bool secret);
  void report(const KindInfo& info, const Manifest& manifest, std::string_view what);

  Context& context_;
  client::ApiClient& api_;
  const ApplyOptions& options_;
  KindNames names_;
};

Status Applier::placeInNamespace(const KindInfo& info, Manifest& manifest) const {
  if (!info.namespaced) {
    return Status::ok();
  }
  const std::string written = manifest.ns();
  if (!written.empty() && !context_.kube.ns.empty() && written != context_.kube.ns) {
    return {Code::Invalid, cat(manifest.place(), ": metadata.namespace is ", written, ", but --namespace ",
                               context_.kube.ns, " was given: leave one out")};
  }
  manifest.object["metadata"]["namespace"] = written.empty() ? context_.ns() : written;
  return Status::ok();
}

void Applier::report(const KindInfo& info, const Manifest& manifest, std::string_view what) {
  context_.print(
      cat(info.display(), "/", manifest.name(), " ", what, options_.dryRun ? " (server dry run)" : "", "\n"));
}

Status Applier::create(const KindInfo& info, const Manifest& manifest, Json object) {
  client::ApiRequest request{.method = "POST",
                             .path = client::resourcePath(info.view(), {manifest.ns(), ""}),
                             .query = {{"fieldManager", "slipway"}, {"fieldValidation", "Strict"}}};
  if (options_.dryRun) {
    request.query.emplace_back("dryRun", "All");
  }
  request.body = object.dump();
  SLIPWAY_RETURN_IF_ERROR(api_.call(request).status());
  report(info, manifest, "created");
  return Status::ok();
}

Status Applier::change(const KindInfo& info, const Manifest& manifest, const Json& live, bool secret) {
  Json last;
  if (secret) {
    const Json* data = live.find("data");
    last = Json::object({{"data", data == nullptr ? Json::object() : *data}});
  } else if (const Json* text = live.at({"metadata", "annotations", kLastApplied});
             text != nullptr && text->isString()) {
    last = parseJson(text->asString()).valueOr(Json());
  }
  const Json patch = threeWayPatch(last, manifest.object, live);
  if (patch.asObject().empty()) {
    report(info, manifest, "unchanged");
    return Status::ok();
  }
  auto answer = api_.patch(info.view(), {manifest.ns(), manifest.name()}, patch, options_.dryRun);
  if (!answer) {
    return answer.status();
  }
  const Json* before = live.at({"metadata", "resourceVersion"});
  const Json* after = answer->at({"metadata", "resourceVersion"});
  const bool same = before != nullptr && after != nullptr && *before == *after && !options_.dryRun;
  report(info, manifest, same ? "unchanged" : "configured");
  return Status::ok();
}

Status Applier::apply(Manifest& manifest, std::vector<ObjectKey>& releases) {
  auto info = names_.byKind(manifest.apiVersion(), manifest.kind());
  if (!info) {
    return info.status().withContext(manifest.place());
  }
  SLIPWAY_RETURN_IF_ERROR(placeInNamespace(**info, manifest));
  const bool secret = (*info)->group.empty() && (*info)->kind == "Secret";
  if (secret) {
    encodeStringData(manifest.object);
  } else {
    const std::string text = manifest.object.dump() + "\n";
    manifest.object["metadata"]["annotations"][kLastApplied] = text;
  }
  const auto live = api_.get((*info)->view(), {manifest.ns(), manifest.name()});
  Status done;
  if (live) {
    done = change(**info, manifest, *live, secret);
  } else if (live.code() == Code::NotFound) {
    done = create(**info, manifest, manifest.object);
  } else {
    done = live.status();
  }
  if (done && (*info)->kind == kRelease.kind && (*info)->group == kGroup) {
    releases.push_back({manifest.ns(), manifest.name()});
  }
  return done ? done : done.withContext(manifest.place());
}

}  // namespace

Json threeWayPatch(const Json& last, const Json& wanted, const Json& live) {
  Json patch = Json::object();
  patchObject(last, wanted, live, patch);
  return patch;
}

Status applyManifests(Context& context, std::vector<Manifest> manifests, const ApplyOptions& options,
                      std::vector<ObjectKey>& releases) {
  auto api = context.client();
  if (!api) {
    return api.status();
  }
  Applier applier(context, **api, options);
  for (Manifest& manifest : manifests) {
    SLIPWAY_RETURN_IF_ERROR(applier.apply(manifest, releases));
  }
  return Status::ok();
}

}  // namespace slipway::cli
