// The kinds are the files in crds/; the plain values of reconciler/api must say the same.
#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "reconciler/api/destination.h"
#include "reconciler/api/operation.h"
#include "reconciler/api/release.h"
#include "reconciler/api/run.h"
#include "reconciler/api/server.h"
#include "reconciler/schema/crd.h"
#include "reconciler/schema/yaml.h"

#include "embedded/embedded_crds.h"

namespace slipway {
namespace {

Json definition(std::string_view file) {
  for (const EmbeddedFile& one : embedded_crds()) {
    if (one.name == file) {
      return schema::parseYaml(one.content)->front().value;
    }
  }
  ADD_FAILURE() << "no " << file;
  return {};
}

const Json& rootSchema(const Json& crd) {
  return *crd.at({"spec", "versions"})->asArray().front().at({"schema", "openAPIV3Schema"});
}

// Calls `visit` with every declared path, "spec.build[].run", "status.handledRequests{}.token", and its schema.
void walk(const Json& schema, const std::string& path,
          const std::function<void(const std::string&, const Json&)>& visit) {
  if (const Json* properties = schema.find("properties")) {
    for (const auto& [name, property] : properties->asObject()) {
      const std::string child = path.empty() ? name : path + "." + name;
      visit(child, property);
      walk(property, child, visit);
    }
  }
  if (const Json* items = schema.find("items")) {
    walk(*items, path + "[]", visit);
  }
  if (const Json* values = schema.find("additionalProperties"); values != nullptr && values->isObject()) {
    walk(*values, path + "{}", visit);
  }
}

std::set<std::string> declared(std::string_view file, const std::string& part) {
  const Json crd = definition(file);
  std::set<std::string> out;
  walk(*rootSchema(crd).at({"properties", part}), "", [&](const std::string& path, const Json&) { out.insert(path); });
  return out;
}

// The paths a value has; `maps` are those whose members are not declared by name.
void collectValue(const Json& value, const std::string& path, const std::set<std::string>& maps,
                  std::set<std::string>& out) {
  if (value.isObject()) {
    for (const auto& [name, member] : value.asObject()) {
      if (maps.contains(path)) {
        collectValue(member, path + "{}", maps, out);
        continue;
      }
      const std::string child = path.empty() ? name : path + "." + name;
      out.insert(child);
      collectValue(member, child, maps, out);
    }
  } else if (value.isArray()) {
    for (const Json& item : value.asArray()) {
      collectValue(item, path + "[]", maps, out);
    }
  }
}

std::vector<Process> fullManagers() {
  SystemdUnit unit;
  unit.unit = "shop";
  unit.scope = SystemdScope::User;
  unit.user = "www";
  unit.execStart = "./shop";
  unit.execReload = "kill -HUP $MAINPID";
  unit.type = SystemdType::Notify;
  unit.env = {{"A", "b"}};
  unit.restart = RestartWhen::Never;
  unit.onSwitch = OnSwitch::Reload;
  unit.render = false;
  Pm2App app{"shop", "main.js", "--a b", 3, Pm2Mode::Cluster, {{"A", "b"}}, "--trace-warnings", true};
  app.bin = "/opt/pm2";
  app.save = false;
  std::vector<Process> out;
  const auto add = [&](ProcessManager manager) {
    out.push_back({.timeout = std::chrono::seconds(9), .servers = {"web1"}, .manager = std::move(manager)});
  };
  add(unit);
  add(app);
  add(ComposeProject{"shop", {"compose.yaml"}, {"web"}, true, {{"A", "b"}}});
  add(PhpFpmMaster{"php8.2-fpm", "/run/fpm.pid", "/usr/sbin/php-fpm8.2", "/etc/fpm.conf"});
  return out;
}

ReleaseSpec fullSpec() {
  ReleaseSpec spec;
  spec.version = "1.0.0";
  spec.source.git = GitSource{"https://h/r.git", {"b", "t", "c"}, "sub", "secret"};
  spec.source.directory = DirectorySource{"/src", {"*.tmp"}};
  spec.destinations = {{"web", {"web1"}, {{"a", "b"}}}};
  spec.layout = {"/srv/x", "production", 5, 2, {"storage"}, {".env"}, {"main"}};
  spec.build = {{"deps", "true", std::chrono::seconds(5), true, {{"A", "b"}}}};
  spec.process = Process{"up", "down", "reload", std::chrono::minutes(1), {"web1"}};
  spec.strategy.rolling = RollingSettings{.batchSize = {25, true},
                                          .maxUnavailable = Amount{2, false},
                                          .maxSurge = {1, false},
                                          .pauseBetween = std::chrono::seconds(30),
                                          .minReady = std::chrono::seconds(5),
                                          .order = {"web1"},
                                          .orderByLabel = "rank",
                                          .last = {"web9"},
                                          .zoneLabel = "zone"};
  spec.strategy.blueGreen = BlueGreenSettings{.autoPromote = false,
                                              .autoPromoteAfter = std::chrono::minutes(5),
                                              .previewRun = "curl",
                                              .previewTimeout = std::chrono::seconds(9),
                                              .scaleDownDelay = std::chrono::seconds(1),
                                              .prePromotionAnalysis = {{"errors"}, {{"job", "a"}}},
                                              .postPromotionAnalysis = {{"errors"}, {{"job", "b"}}},
                                              .groups = {{"north", {{"side", "n"}}}, {"south", {{"side", "s"}}}},
                                              .oldGroup = OldGroup::Keep};
  spec.strategy.canary =
      CanarySettings{.steps = {{.kind = CanaryStep::Kind::SetWeight, .weight = 20},
                               {.kind = CanaryStep::Kind::Pause, .pause = std::chrono::seconds(30)},
                               {.kind = CanaryStep::Kind::Pause},
                               {.kind = CanaryStep::Kind::Analysis, .templates = {"errors"}, .args = {{"job", "shop"}}},
                               {.kind = CanaryStep::Kind::SetScale, .scale = {50, true}}},
                     .maxSurge = {2, false},
                     .maxUnavailable = {10, true},
                     .gradualAbort = std::chrono::seconds(10),
                     .scaleDownDelay = std::chrono::seconds(5),
                     .stickiness = Stickiness{"shop", std::chrono::hours(1)}};
  spec.slots = Slots{8081, 8082};
  spec.resources = ResourceNeeds{};
  spec.health.http = HttpCheck{};
  spec.health.http->host = "h";
  spec.health.tcpPort = 80;
  spec.health.container = ContainerCheck{"web"};
  spec.health.exec = ExecCheck{"true"};
  spec.health.beforeSwitch = ExecCheck{"true"};
  spec.health.process = ProcessCheck{std::chrono::seconds(3), "shop.pid"};
  spec.health.initialDelay = std::chrono::seconds(2);
  spec.health.successThreshold = 3;
  spec.health.failureThreshold = 4;
  spec.health.freshness = std::chrono::seconds(20);
  Hook hook;
  hook.name = "notify";
  hook.run = "true";
  hook.http = HookRequest{.url = "http://h/", .headers = {{"A", "b"}}, .headersSecret = "s", .body = "{}"};
  hook.scope = HookScope::EachServer;
  hook.servers = {"web1"};
  hook.env = {{"A", "b"}};
  spec.hooks = {hook};
  ClusterSpec& cluster = spec.cluster.emplace();
  cluster.roleProbe.http.emplace().host = "h";
  cluster.roleProbe.run = "role";
  cluster.memberLabels = {{"a", "b"}};
  cluster.minAvailable = 2;
  cluster.tieBreaker = TieBreaker{"c", {{"a", "b"}}};
  cluster.leaderLast = false;
  spec.traffic = TrafficSpec{ProxyType::HaProxy,
                             {"edge1"},
                             "shop",
                             "shop-write",
                             8080,
                             "/etc/x.cfg",
                             "/run/x.sock",
                             "/run/x.pid",
                             "check",
                             "reload",
                             std::chrono::seconds(20),
                             std::chrono::minutes(1)};
  return spec;
}

AnalysisTemplateSpec fullTemplate() {
  AnalysisMetric one;
  one.name = "rate";
  one.prometheus = PrometheusProvider{"http://p", "q", "s"};
  one.http = HttpProvider{"https://a", "POST", {{"X", "y"}}, "b", "$.a", "$.n"};
  one.command = CommandProvider{"run", CommandServers::All};
  one.initialDelay = std::chrono::seconds(1);
  one.interval = std::chrono::seconds(2);
  one.count = 3;
  one.timeout = std::chrono::seconds(4);
  one.successCondition = "result < 1.0";
  one.failureCondition = "result > 2.0";
  one.minSamples = 5;
  one.noData = NoData::WaitFor;
  one.waitFor = std::chrono::seconds(6);
  one.failureLimit = 7;
  one.inconclusiveLimit = 8;
  one.consecutiveErrorLimit = 9;
  return {{{"job", "shop"}, {"need", std::nullopt}}, {one}};
}

TEST(KindsMatchCrds, ReleaseSpec) {
  std::set<std::string> value;
  const std::set<std::string> maps{"build[].env",
                                   "destinations[].selector.matchLabels",
                                   "hooks[].env",
                                   "hooks[].http.headers",
                                   "process.systemd.env",
                                   "process.pm2.env",
                                   "process.compose.env",
                                   "cluster.quorum.members.matchLabels",
                                   "cluster.tieBreaker.matchLabels",
                                   "strategy.blueGreen.groups[].matchLabels"};
  collectValue(toJson(fullSpec()), "", maps, value);
  for (const Process& process : fullManagers()) {
    collectValue(Json::object({{"process", toJson(process)}}), "", maps, value);
  }
  std::set<std::string> crd = declared("release.yaml", "spec");
  // Other ways to write the same thing.
  for (const char* sugar : {"destinations[].server", "process.none"}) {
    EXPECT_EQ(crd.erase(sugar), 1U) << sugar;
  }
  EXPECT_EQ(value, crd);
}

TEST(KindsMatchCrds, ReleaseSpecSurvivesARoundTrip) {
  const ReleaseSpec spec = fullSpec();
  Result<ReleaseSpec> back = releaseSpecFromJson(toJson(spec));
  ASSERT_TRUE(back) << back.status().toString();
  EXPECT_EQ(*back, spec);
  for (const Process& process : fullManagers()) {
    ReleaseSpec managed = spec;
    managed.process = process;
    back = releaseSpecFromJson(toJson(managed));
    ASSERT_TRUE(back) << back.status().toString();
    EXPECT_EQ(*back, managed);
    EXPECT_NE(releaseIdentity(managed), releaseIdentity(spec));
  }
}

TEST(KindsMatchCrds, DefaultsOfTheCrdAreTheDefaultsOfTheType) {
  const Json crd = definition("release.yaml");
  Result<schema::Crd> parsed = schema::parseCrd(crd);
  ASSERT_TRUE(parsed) << parsed.status().toString();
  Json object = *parseJson(
      R"({"spec":{"source":{"directory":{"path":"/s"}},"destinations":[{"name":"web"}],"layout":{"root":"/r"},
          "build":[{"name":"a","run":"b"}],"process":{"command":{"reload":"r"}},
          "strategy":{"type":"Canary","rolling":{},"blueGreen":{"preview":{"run":"x"}},
                      "canary":{"steps":[{"pause":{}}],"stickiness":{}}},
          "health":{"http":{},"exec":{"run":"x"},"process":{},"beforeSwitch":{"exec":{"run":"y"}}},
          "hooks":[{"name":"a","at":"Backup","http":{"url":"http://h/"}}],
          "cluster":{"roleProbe":{"http":{}},"quorum":{}},
          "traffic":{"type":"caddy","service":"shop"}}})");
  const ReleaseSpec plain = *releaseSpecFromJson(*object.find("spec"));
  parsed->versions.front().schema->applyDefaults(object);
  EXPECT_EQ(*releaseSpecFromJson(*object.find("spec")), plain);
  for (const char* process : {R"({"systemd":{"execStart":"x"}})", R"({"pm2":{"script":"x"}})", R"({"compose":{}})",
                              R"({"phpFpm":{"service":"x"}})"}) {
    object["spec"]["process"] = *parseJson(process);
    const ReleaseSpec bare = *releaseSpecFromJson(*object.find("spec"));
    ASSERT_TRUE(bare.process.has_value() && bare.process->manager.has_value()) << process;
    parsed->versions.front().schema->applyDefaults(object);
    EXPECT_EQ(*releaseSpecFromJson(*object.find("spec")), bare) << process;
  }
  EXPECT_EQ(object.at({"status", "observedGeneration"})->asInt(), -1);
}

TEST(KindsMatchCrds, AnalysisTemplate) {
  const AnalysisTemplateSpec spec = fullTemplate();
  std::set<std::string> value;
  collectValue(toJson(spec), "", {"metrics[].provider.http.headers"}, value);
  EXPECT_EQ(value, declared("analysistemplate.yaml", "spec"));
  EXPECT_EQ(*analysisTemplateFromJson(Json::object({{"spec", toJson(spec)}})), spec);
}

TEST(KindsMatchCrds, DefaultsOfAMetricAreTheDefaultsOfTheType) {
  Result<schema::Crd> parsed = schema::parseCrd(definition("analysistemplate.yaml"));
  ASSERT_TRUE(parsed) << parsed.status().toString();
  Json object = *parseJson(R"({"spec":{"metrics":[{"name":"a","provider":{"http":{"url":"https://a","value":"$"},
                               "command":{"run":"r"}},"successCondition":"result > 1.0"}]}})");
  const AnalysisTemplateSpec bare = *analysisTemplateFromJson(object);
  parsed->versions.front().schema->applyDefaults(object);
  EXPECT_EQ(*analysisTemplateFromJson(object), bare);
}

TEST(KindsMatchCrds, ReleaseStatus) {
  ReleaseStatus status;
  status.conditions = {{"Ready", "True", "R", "m", "2026-01-01T00:00:00Z", 1}};
  status.phase = status.step = status.message = status.identity = status.currentRun = status.lastOutcome = "x";
  status.drift = "None";
  status.liveGroup = "north";
  status.runCounter = 1;
  status.weight = {20, 20, 10};
  status.versions = {"1", "1", "1", "1"};
  status.history = {{"1", "r", "Completed", "rev", "id", "digest", "at", true, "why", "step 1 Failed"}};
  status.handledRequests["retry"] = {"t", "r", "at", "1.0.0"};
  std::set<std::string> value;
  collectValue(toJson(status), "", {"handledRequests"}, value);
  std::set<std::string> crd = declared("release.yaml", "status");
  EXPECT_EQ(value, crd);

  Json object = Json::object({{"spec", toJson(fullSpec())}, {"status", toJson(status)}});
  EXPECT_EQ(releaseFromJson(object)->status, status);
}

TEST(KindsMatchCrds, Run) {
  RunSpec spec{"shop", "uid", 1, RunReason::Rollback, "1.0.0", "id", "shop-1", "2.0.0", fullSpec()};
  spec.previousRun = "shop-2";
  std::set<std::string> value;
  Json json = toJson(spec);
  json["template"] = Json::object();
  spec.analyses["errors"] = fullTemplate();
  json["analyses"] = Json::object();
  collectValue(json, "", {}, value);
  EXPECT_EQ(value, declared("releaserun.yaml", "spec"));

  RunStatus status;
  status.conditions = {{"Ready", "True", "R", "m", "2026-01-01T00:00:00Z", 1}};
  status.phase = RunPhase::Completed;
  status.message = status.step = status.startedAt = status.finishedAt = status.revision = "x";
  status.outcome = "Completed";
  status.revisionDisplay = status.artifact = "x";
  status.fence = 3;
  status.skewMs = 4;
  status.decisions = {"a", "b", "c", "d", "e", "f", "g", "h", "i", 2};
  status.canaryStep = 3;
  status.liveGroup = "north";
  status.traffic = {2, {}, {20, 20, 10}, {"web1"}, {"web2"}};
  status.traffic.record.state = StepState::Running;
  status.analyses["1"] = {"Failed",
                          "m",
                          "at",
                          "at",
                          2,
                          1500,
                          {{"errors/rate", "Failed", "m", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, {{"at", "Error", "1", "m"}}}}};
  status.hooks["backup"].server = "web1";
  status.hooks["backup"].record = {StepState::Failed, 1,   2,   "op", "a", "b", "c", 5, "http", 3,
                                   "Timeout",         "m", "t", true};
  status.cluster = {3, "at", {{"web1", {"Unknown", "candidate", "m"}}}, 1, 2, {{"web1", "web2"}}, {{"web2"}}};
  status.waits["after-batch-1"] = {"at", 1500};
  status.transitions = {{RunPhase::Pending, "a", "b", "c", "d"}};
  RunTarget target{"web1", "web", "uid", true,    "digest", "before", 7,   "green",
                   "blue", "a",   "1",   "north", {},       true,     true};
  target.steps[StepKind::Prepare] = {StepState::Failed, 1, 2,         "op", "a", "b",  "c", 5,
                                     "fetch",           3, "Timeout", "m",  "t", true, 1,   2};
  status.targets = {target};
  value.clear();
  collectValue(toJson(status), "", {"targets[].steps", "waits", "analyses", "hooks", "cluster.members"}, value);
  std::erase_if(value, [](const std::string& path) { return path.starts_with("traffic.change."); });
  EXPECT_EQ(value, declared("releaserun.yaml", "status"));

  const Json object = Json::object({{"spec", toJson(spec)}, {"status", toJson(status)}});
  EXPECT_EQ(runFromJson(object)->status, status);
  EXPECT_EQ(runFromJson(object)->spec, spec);
}

TEST(KindsMatchCrds, ServerAndDestination) {
  ServerSpec server{"10.0.0.1", 22, "deploy", "keys", "ssh-privatekey", {"ssh-ed25519 AAAA"}};
  std::set<std::string> value;
  collectValue(toJson(server), "", {}, value);
  EXPECT_EQ(value, declared("server.yaml", "spec"));
  EXPECT_EQ(serverFromJson(Json::object({{"spec", toJson(server)}}))->spec, server);

  DestinationSpec destination{"Servers", {"web1"}, {{"a", "b"}}, DestinationLock{"m", "by", "at"}};
  value.clear();
  collectValue(toJson(destination), "", {"selector.matchLabels"}, value);
  std::set<std::string> crd = declared("destination.yaml", "spec");
  EXPECT_EQ(crd.erase("server"), 1U);
  EXPECT_EQ(value, crd);
  EXPECT_EQ(destinationFromJson(Json::object({{"spec", toJson(destination)}}))->spec, destination);
  EXPECT_EQ(destinationFromJson(*parseJson(R"({"spec":{"server":"web1"}})"))->spec.servers,
            (std::vector<std::string>{"web1"}));
}

TEST(KindsMatchCrds, Operation) {
  OperationSpec spec{OperationAction::Logs, "shop", {"web1"}, LogStream::Error, 7, true, true, true};
  spec.emergency = true;
  spec.timeout = std::chrono::seconds(9);
  spec.ttl = std::chrono::minutes(2);
  spec.requestedBy = "ana@desk";
  spec.fallBackTo = "/srv/old";
  std::set<std::string> value;
  collectValue(toJson(spec), "", {}, value);
  EXPECT_EQ(value, declared("operation.yaml", "spec"));

  OperationTarget target{"web1", "u", "web",    OperationState::Failed, "op", true, "1.0.0", "blue", "t",
                         "t",    "m", "Timeout"};
  target.exitCode = 3;
  target.tail = "last";
  target.alreadyDone = true;
  target.facts = {{"Process", {{"pid", "1"}}}};
  OperationStatus status{1,
                         {{"Ready", "False", "Running", "m", "2026-01-01T00:00:00Z", 1}},
                         OperationPhase::Running,
                         "m",
                         "t",
                         "t",
                         4,
                         {target}};
  std::set<std::string> crd = declared("operation.yaml", "status");
  crd.erase("targets[].facts[].values{}");
  value.clear();
  collectValue(toJson(status), "", {"targets[].facts[].values"}, value);
  value.erase("targets[].facts[].values{}");
  EXPECT_EQ(value, crd);
  const Json object = Json::object({{"spec", toJson(spec)}, {"status", toJson(status)}});
  EXPECT_EQ(operationFromJson(object)->spec, spec);
  EXPECT_EQ(operationFromJson(object)->status, status);
  EXPECT_FALSE(operationFromJson(*parseJson(R"({"spec":{"action":"Dance"}})")));
}

// `kubectl explain` shows them.
TEST(KindsMatchCrds, EveryFieldIsDescribed) {
  for (const EmbeddedFile& file : embedded_crds()) {
    const Json crd = definition(file.name);
    walk(rootSchema(crd), "", [&](const std::string& path, const Json& field) {
      EXPECT_FALSE(field.getString("description").empty()) << file.name << " does not describe " << path;
    });
  }
}

TEST(KindsMatchCrds, EveryDefinitionIsValidAndSmall) {
  for (const EmbeddedFile& file : embedded_crds()) {
    std::vector<schema::FieldError> errors;
    Result<schema::Crd> crd = schema::parseCrd(schema::parseYaml(file.content)->front().value, &errors);
    EXPECT_TRUE(crd) << file.name << ": " << schema::describe(errors);
    EXPECT_LT(file.content.size(), 100'000U) << file.name;
  }
}

}  // namespace
}  // namespace slipway
