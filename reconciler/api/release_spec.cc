#include <algorithm>

#include "reconciler/api/json_fields.h"
#include "reconciler/api/release.h"
#include "reconciler/base/strings.h"

namespace slipway {
namespace {

void readSource(const Json* json, SourceSpec& out, FieldReader& parent) {
  FieldReader reader(json, "spec.source");
  if (const Json* git = reader.child("git"); git != nullptr && git->isObject()) {
    GitSource& source = out.git.emplace();
    FieldReader fields(git, "spec.source.git");
    fields.read("repository", source.repository);
    fields.read("path", source.path);
    FieldReader ref(fields.child("ref"), "spec.source.git.ref");
    ref.read("branch", source.ref.branch);
    ref.read("tag", source.ref.tag);
    ref.read("commit", source.ref.commit);
    FieldReader secret(fields.child("secretRef"), "spec.source.git.secretRef");
    secret.read("name", source.secretRef);
    parent.merge(fields);
    parent.merge(ref);
    parent.merge(secret);
  }
  if (const Json* directory = reader.child("directory"); directory != nullptr && directory->isObject()) {
    DirectorySource& source = out.directory.emplace();
    FieldReader fields(directory, "spec.source.directory");
    fields.read("path", source.path);
    fields.read("exclude", source.exclude);
    parent.merge(fields);
  }
}

void readDestinations(const Json* json, std::vector<DestinationRef>& out, FieldReader& parent) {
  if (json == nullptr || !json->isArray()) {
    return;
  }
  for (std::size_t i = 0; i < json->asArray().size(); ++i) {
    DestinationRef ref;
    FieldReader fields(&json->asArray()[i], cat("spec.destinations[", i, "]"));
    fields.read("name", ref.name);
    std::string single;
    fields.read("server", single);
    if (!single.empty()) {
      ref.servers = {single};
    }
    fields.read("servers", ref.servers);
    FieldReader selector(fields.child("selector"), fields.pathOf("selector"));
    selector.read("matchLabels", ref.matchLabels);
    parent.merge(fields);
    parent.merge(selector);
    out.push_back(std::move(ref));
  }
}

void readLayout(const Json* json, Layout& out, FieldReader& parent) {
  FieldReader fields(json, "spec.layout");
  fields.read("root", out.root);
  fields.read("environment", out.environment);
  fields.read("keepReleases", out.keepReleases);
  fields.read("keepFailed", out.keepFailed);
  fields.read("requiredFiles", out.requiredFiles);
  FieldReader shared(fields.child("shared"), "spec.layout.shared");
  shared.read("directories", out.sharedDirectories);
  shared.read("files", out.sharedFiles);
  parent.merge(fields);
  parent.merge(shared);
}

void readBuild(const Json* json, std::vector<BuildStep>& out, FieldReader& parent) {
  if (json == nullptr || !json->isArray()) {
    return;
  }
  for (std::size_t i = 0; i < json->asArray().size(); ++i) {
    BuildStep step;
    FieldReader fields(&json->asArray()[i], cat("spec.build[", i, "]"));
    fields.read("name", step.name);
    fields.read("run", step.run);
    fields.read("timeout", step.timeout);
    fields.read("idempotent", step.idempotent);
    fields.read("env", step.env);
    parent.merge(fields);
    out.push_back(std::move(step));
  }
}

void readSlots(const Json* json, std::optional<Slots>& out, FieldReader& parent) {
  if (json == nullptr || !json->isObject()) {
    return;
  }
  FieldReader fields(json, "spec.slots");
  FieldReader blue(fields.child("blue"), "spec.slots.blue");
  FieldReader green(fields.child("green"), "spec.slots.green");
  blue.read("port", out.emplace().bluePort);
  green.read("port", out->greenPort);
  parent.merge(blue);
  parent.merge(green);
}

void readExec(const Json* json, std::string path, std::optional<ExecCheck>& out, FieldReader& parent) {
  if (json == nullptr || !json->isObject()) {
    return;
  }
  ExecCheck& check = out.emplace();
  FieldReader fields(json, std::move(path));
  fields.read("run", check.run);
  fields.read("timeout", check.timeout);
  parent.merge(fields);
}

void readHealth(const Json* json, Health& out, FieldReader& parent) {
  FieldReader fields(json, "spec.health");
  fields.read("attempts", out.attempts);
  fields.read("interval", out.interval);
  fields.read("timeout", out.timeout);
  fields.read("initialDelay", out.initialDelay);
  fields.read("successThreshold", out.successThreshold);
  fields.read("failureThreshold", out.failureThreshold);
  if (fields.child("freshness") != nullptr) {
    fields.read("freshness", out.freshness.emplace());
  }
  if (const Json* http = fields.child("http"); http != nullptr && http->isObject()) {
    HttpCheck& check = out.http.emplace();
    FieldReader reader(http, "spec.health.http");
    reader.read("scheme", check.scheme);
    reader.read("host", check.host);
    reader.read("path", check.path);
    reader.read("port", check.port);
    reader.read("insecureSkipVerify", check.insecureSkipVerify);
    FieldReader range(reader.child("expectedStatus"), "spec.health.http.expectedStatus");
    range.read("min", check.minStatus);
    range.read("max", check.maxStatus);
    parent.merge(reader);
    parent.merge(range);
  }
  if (const Json* tcp = fields.child("tcp"); tcp != nullptr && tcp->isObject()) {
    FieldReader reader(tcp, "spec.health.tcp");
    reader.read("port", out.tcpPort.emplace());
    parent.merge(reader);
  }
  if (const Json* container = fields.child("container"); container != nullptr && container->isObject()) {
    FieldReader reader(container, "spec.health.container");
    reader.read("name", out.container.emplace().name);
    parent.merge(reader);
  }
  if (const Json* process = fields.child("process"); process != nullptr && process->isObject()) {
    ProcessCheck& check = out.process.emplace();
    FieldReader reader(process, "spec.health.process");
    reader.read("minUptime", check.minUptime);
    reader.read("pidFile", check.pidFile);
    parent.merge(reader);
  }
  readExec(fields.child("exec"), "spec.health.exec", out.exec, parent);
  const Json* before = fields.child("beforeSwitch");
  readExec(before == nullptr ? nullptr : before->find("exec"), "spec.health.beforeSwitch.exec", out.beforeSwitch,
           parent);
  parent.merge(fields);
}

Json sourceToJson(const SourceSpec& source) {
  Json out = Json::object();
  if (source.git.has_value()) {
    Json& git = out["git"];
    git["repository"] = source.git->repository;
    Json ref;
    putText(ref, "branch", source.git->ref.branch);
    putText(ref, "tag", source.git->ref.tag);
    putText(ref, "commit", source.git->ref.commit);
    putObject(git, "ref", ref);
    putText(git, "path", source.git->path);
    if (!source.git->secretRef.empty()) {
      git["secretRef"] = Json::object({{"name", source.git->secretRef}});
    }
  }
  if (source.directory.has_value()) {
    Json& directory = out["directory"];
    directory["path"] = source.directory->path;
    putList(directory, "exclude", source.directory->exclude);
  }
  return out;
}

Json destinationsToJson(const std::vector<DestinationRef>& refs) {
  Json::Array out;
  for (const DestinationRef& ref : refs) {
    Json item = Json::object({{"name", ref.name}});
    putList(item, "servers", ref.servers);
    if (!ref.matchLabels.empty()) {
      putMap(item["selector"], "matchLabels", ref.matchLabels);
    }
    out.push_back(std::move(item));
  }
  return out;
}

Json layoutToJson(const Layout& layout) {
  Json out = Json::object({{"root", layout.root},
                           {"environment", layout.environment},
                           {"keepReleases", layout.keepReleases},
                           {"keepFailed", layout.keepFailed}});
  Json shared;
  putList(shared, "directories", layout.sharedDirectories);
  putList(shared, "files", layout.sharedFiles);
  putObject(out, "shared", shared);
  putList(out, "requiredFiles", layout.requiredFiles);
  return out;
}

Json buildToJson(const std::vector<BuildStep>& steps) {
  Json::Array out;
  for (const BuildStep& step : steps) {
    Json item = Json::object({{"name", step.name},
                              {"run", step.run},
                              {"timeout", formatDuration(step.timeout)},
                              {"idempotent", step.idempotent}});
    putMap(item, "env", step.env);
    out.push_back(std::move(item));
  }
  return out;
}

Json execToJson(const ExecCheck& check) {
  return Json::object({{"run", check.run}, {"timeout", formatDuration(check.timeout)}});
}

Json healthToJson(const Health& health) {
  Json out = Json::object({{"attempts", health.attempts},
                           {"interval", formatDuration(health.interval)},
                           {"timeout", formatDuration(health.timeout)},
                           {"initialDelay", formatDuration(health.initialDelay)},
                           {"successThreshold", health.successThreshold}});
  if (health.failureThreshold > 0) {
    out["failureThreshold"] = health.failureThreshold;
  }
  if (health.freshness.has_value()) {
    out["freshness"] = formatDuration(*health.freshness);
  }
  if (health.process.has_value()) {
    Json& process = out["process"];
    process["minUptime"] = formatDuration(health.process->minUptime);
    putText(process, "pidFile", health.process->pidFile);
  }
  if (health.http.has_value()) {
    const HttpCheck& check = *health.http;
    Json& http = out["http"];
    http["scheme"] = check.scheme;
    putText(http, "host", check.host);
    http["path"] = check.path;
    http["port"] = check.port;
    http["expectedStatus"] = Json::object({{"min", check.minStatus}, {"max", check.maxStatus}});
    http["insecureSkipVerify"] = check.insecureSkipVerify;
  }
  if (health.tcpPort.has_value()) {
    out["tcp"] = Json::object({{"port", *health.tcpPort}});
  }
  if (health.container.has_value()) {
    out["container"] = Json::object({{"name", health.container->name}});
  }
  if (health.exec.has_value()) {
    out["exec"] = execToJson(*health.exec);
  }
  if (health.beforeSwitch.has_value()) {
    out["beforeSwitch"] = Json::object({{"exec", execToJson(*health.beforeSwitch)}});
  }
  return out;
}

std::string_view policyName(RollbackPolicy policy) {
  switch (policy) {
    case RollbackPolicy::Automatic:
      return "Automatic";
    case RollbackPolicy::Freeze:
      return "Freeze";
    case RollbackPolicy::None:
      return "None";
  }
  return "Automatic";
}

}  // namespace

int Health::unhealthyAfter() const {
  constexpr int kDefault = 3;
  return failureThreshold > 0 ? failureThreshold : std::min(kDefault, std::max(attempts, 1));
}

Result<ReleaseSpec> releaseSpecFromJson(const Json& json) {
  ReleaseSpec out;
  FieldReader fields(&json, "spec");
  fields.read("version", out.version);
  fields.read("suspend", out.suspend);
  readSource(fields.child("source"), out.source, fields);
  readDestinations(fields.child("destinations"), out.destinations, fields);
  readLayout(fields.child("layout"), out.layout, fields);
  readBuild(fields.child("build"), out.build, fields);
  readProcess(fields.child("process"), out.process, fields);
  readSlots(fields.child("slots"), out.slots, fields);
  readStrategy(fields.child("strategy"), out.strategy, fields);
  readHealth(fields.child("health"), out.health, fields);
  if (const Json* traffic = fields.child("traffic"); traffic != nullptr && traffic->isObject()) {
    readTraffic(*traffic, out.traffic.emplace(), fields);
  }
  readHooks(fields.child("hooks"), out.hooks, fields);
  readCluster(fields.child("cluster"), out.cluster, fields);
  FieldReader rollback(fields.child("rollback"), "spec.rollback");
  rollback.readEnum("policy", {"Automatic", "Freeze", "None"}, out.rollback);
  if (const Json* resources = fields.child("resources"); resources != nullptr && resources->isObject()) {
    ResourceNeeds& needs = out.resources.emplace();
    FieldReader reader(resources, "spec.resources");
    reader.read("cpu", needs.cpu);
    reader.read("memory", needs.memory);
    reader.read("disk", needs.disk);
    fields.merge(reader);
  }
  FieldReader concurrency(fields.child("concurrency"), "spec.concurrency");
  concurrency.read("maxParallel", out.maxParallel);
  FieldReader timeouts(fields.child("timeouts"), "spec.timeouts");
  timeouts.read("prepare", out.prepareTimeout);
  fields.merge(rollback);
  fields.merge(concurrency);
  fields.merge(timeouts);
  SLIPWAY_RETURN_IF_ERROR(fields.status());
  return out;
}

Json toJson(const ReleaseSpec& spec) {
  Json out = Json::object();
  putText(out, "version", spec.version);
  out["source"] = sourceToJson(spec.source);
  out["destinations"] = destinationsToJson(spec.destinations);
  out["layout"] = layoutToJson(spec.layout);
  if (!spec.build.empty()) {
    out["build"] = buildToJson(spec.build);
  }
  if (spec.process.has_value()) {
    out["process"] = toJson(*spec.process);
  }
  if (spec.slots.has_value()) {
    out["slots"]["blue"]["port"] = spec.slots->bluePort;
    out["slots"]["green"]["port"] = spec.slots->greenPort;
  }
  out["strategy"] = toJson(spec.strategy);
  out["health"] = healthToJson(spec.health);
  if (spec.traffic.has_value()) {
    out["traffic"] = toJson(*spec.traffic);
  }
  if (!spec.hooks.empty()) {
    out["hooks"] = toJson(spec.hooks);
  }
  if (spec.cluster.has_value()) {
    out["cluster"] = toJson(*spec.cluster);
  }
  out["rollback"] = Json::object({{"policy", policyName(spec.rollback)}});
  if (spec.resources.has_value()) {
    out["resources"] = Json::object(
        {{"cpu", spec.resources->cpu}, {"memory", spec.resources->memory}, {"disk", spec.resources->disk}});
  }
  out["concurrency"] = Json::object({{"maxParallel", spec.maxParallel}});
  out["timeouts"] = Json::object({{"prepare", formatDuration(spec.prepareTimeout)}});
  out["suspend"] = spec.suspend;
  return out;
}

}  // namespace slipway
