#include "reconciler/api/hooks.h"

#include <array>

#include "reconciler/api/json_fields.h"
#include "reconciler/base/strings.h"

namespace slipway {
namespace {

// In the enum's order.
constexpr std::array<std::string_view, 9> kPoints{"Backup",  "BeforeBuild", "AfterBuild",    "BeforeSwitch", "Drain",
                                                  "Restore", "AfterSwitch", "AfterRollback", "OnFailure"};

HookRequest requestFromJson(const Json& json, const std::string& path, FieldReader& parent) {
  HookRequest out;
  FieldReader fields(&json, path);
  fields.read("method", out.method);
  fields.read("url", out.url);
  fields.read("headers", out.headers);
  fields.read("body", out.body);
  fields.read("insecureSkipVerify", out.insecureSkipVerify);
  FieldReader secret(fields.child("headersSecretRef"), fields.pathOf("headersSecretRef"));
  secret.read("name", out.headersSecret);
  FieldReader range(fields.child("expectedStatus"), fields.pathOf("expectedStatus"));
  range.read("min", out.minStatus);
  range.read("max", out.maxStatus);
  parent.merge(fields);
  parent.merge(secret);
  parent.merge(range);
  return out;
}

Json toJson(const HookRequest& request) {
  Json out = Json::object({{"method", request.method}, {"url", request.url}});
  putMap(out, "headers", request.headers);
  if (!request.headersSecret.empty()) {
    out["headersSecretRef"] = Json::object({{"name", request.headersSecret}});
  }
  putText(out, "body", request.body);
  out["expectedStatus"] = Json::object({{"min", request.minStatus}, {"max", request.maxStatus}});
  out["insecureSkipVerify"] = request.insecureSkipVerify;
  return out;
}

Hook hookFromJson(const Json& json, const std::string& path, FieldReader& parent) {
  Hook hook;
  FieldReader fields(&json, path);
  fields.read("name", hook.name);
  fields.readEnum("at",
                  {"Backup", "BeforeBuild", "AfterBuild", "BeforeSwitch", "Drain", "Restore", "AfterSwitch",
                   "AfterRollback", "OnFailure"},
                  hook.at);
  fields.read("run", hook.run);
  if (const Json* http = fields.child("http"); http != nullptr && http->isObject()) {
    hook.http = requestFromJson(*http, fields.pathOf("http"), parent);
  }
  if (fields.child("scope") != nullptr) {
    fields.readEnum("scope", {"Once", "EachServer"}, hook.scope.emplace(HookScope::Once));
  }
  fields.read("servers", hook.servers);
  fields.read("timeout", hook.timeout);
  fields.read("idempotent", hook.idempotent);
  fields.readEnum("onError", {"Fail", "Ignore"}, hook.onError);
  fields.read("env", hook.env);
  parent.merge(fields);
  return hook;
}

}  // namespace

std::string_view hookPointName(HookPoint point) { return kPoints.at(static_cast<std::size_t>(point)); }

bool Hook::onEachServer() const {
  const bool ofServers = at == HookPoint::Drain || at == HookPoint::Restore;
  return scope.value_or(ofServers ? HookScope::EachServer : HookScope::Once) == HookScope::EachServer;
}

void readHooks(const Json* json, std::vector<Hook>& out, FieldReader& parent) {
  if (json == nullptr || !json->isArray()) {
    return;
  }
  for (std::size_t i = 0; i < json->asArray().size(); ++i) {
    out.push_back(hookFromJson(json->asArray()[i], cat("spec.hooks[", i, "]"), parent));
  }
}

Json toJson(const std::vector<Hook>& hooks) {
  Json::Array out;
  for (const Hook& hook : hooks) {
    Json item = Json::object({{"name", hook.name}, {"at", hookPointName(hook.at)}});
    putText(item, "run", hook.run);
    if (hook.http.has_value()) {
      item["http"] = toJson(*hook.http);
    }
    if (hook.scope.has_value()) {
      item["scope"] = *hook.scope == HookScope::Once ? "Once" : "EachServer";
    }
    putList(item, "servers", hook.servers);
    item["timeout"] = formatDuration(hook.timeout);
    item["idempotent"] = hook.idempotent;
    item["onError"] = hook.onError == HookErrors::Fail ? "Fail" : "Ignore";
    putMap(item, "env", hook.env);
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace slipway
