#include <algorithm>

#include "cmd/slipwayd/own_definitions.h"
#include "reconciler/base/strings.h"
#include "reconciler/schema/crd.h"
#include "tests/sim/engine/engines.h"

namespace slipway::sim {
namespace {

constexpr Duration kPatience = std::chrono::hours(2);

// What may not be drawn at random: names of other objects, places, and commands that have to mean something.
bool isFixed(const std::string& path) {
  for (const char* one : {"spec.source",
                          "spec.destinations",
                          "spec.version",
                          "spec.layout.root",
                          "spec.suspend",
                          "spec.layout.environment",
                          "spec.build",
                          "spec.process",
                          "spec.health.exec",
                          "spec.health.beforeSwitch",
                          "spec.health.tcpPort",
                          "spec.health.container",
                          "spec.health.http.path",
                          "spec.health.http.host",
                          "spec.health.http.expectedStatus",
                          "spec.health.http.scheme",
                          "spec.layout.shared.files",
                          "spec.layout.requiredFiles",
                          "spec.strategy.rolling.order",
                          "spec.timeouts"}) {
    if (path == one || path.starts_with(cat(one, "."))) {
      return true;
    }
  }
  return false;
}

// Draws values that a schema allows. Durations are known by their pattern's units.
class Drawer {
 public:
  Drawer(Dice& dice, int port) : dice_(dice), port_(port) {}

  // Changes some of what the schema describes below `path`.
  void draw(const Json& schema, const std::string& path, Json& value) {
    if (isFixed(path)) {
      return;
    }
    const std::string type = schema.getString("type");
    if (type == "object" && schema.find("properties") != nullptr) {
      for (const auto& [name, property] : schema.find("properties")->asObject()) {
        Json* member = value.find(name);
        const std::string below = cat(path, ".", name);
        if (isFixed(below)) {
          continue;
        }
        if (member != nullptr) {
          draw(property, below, *member);
        } else if (dice_.chance(0.1)) {
          Json fresh = property.getString("type") == "object" ? Json::object() : Json();
          draw(property, below, fresh);
          if (!fresh.isNull()) {
            value[name] = std::move(fresh);
          }
        }
      }
      return;
    }
    if (dice_.chance(0.3)) {
      leaf(schema, path, type, value);
    }
  }

 private:
  void leaf(const Json& schema, const std::string& path, const std::string& type, Json& value) {
    if (const Json* names = schema.find("enum"); names != nullptr && names->isArray()) {
      value = names->asArray()[dice_.below(names->asArray().size())];
    } else if (type == "boolean") {
      value = dice_.chance(0.5);
    } else if (type == "integer") {
      const std::int64_t low = schema.getInt("minimum", 1);
      const std::int64_t high = std::min<std::int64_t>(schema.getInt("maximum", low + 9), low + 9);
      value = path.ends_with(".port")
                  ? std::int64_t{port_}
                  : low + static_cast<std::int64_t>(dice_.below(static_cast<std::uint64_t>(high - low + 1)));
    } else if (type == "string" && schema.getString("pattern").find("ns|us|ms") != std::string::npos) {
      static constexpr const char* kDurations[] = {"1s", "5s", "1m", "2m30s"};
      value = kDurations[dice_.below(4)];
    } else if (type == "array" && path.ends_with("shared.directories")) {
      value = Json::array();
      for (std::uint64_t i = dice_.below(3); i > 0; --i) {
        value.push(cat("var/d", i));
      }
    }
  }

  Dice& dice_;
  int port_;
};

// What the API server asks of a Release: its written schema to draw from, and the compiled one that decides.
struct Law {
  Json written;
  std::shared_ptr<const schema::StructuralSchema> compiled;

  bool allows(const Json& spec) const {
    ObjectMeta meta;
    meta.name = "app0";
    meta.ns = Workload::kNamespace;
    Json object = newObject(kRelease, meta);
    object["spec"] = spec;
    compiled->applyDefaults(object);
    return compiled->validate(object, nullptr).empty();
  }
};

std::optional<Law> releaseLaw() {
  const auto definitions = daemon::ownDefinitions();
  if (!definitions) {
    return std::nullopt;
  }
  for (const Json& definition : *definitions) {
    const Result<schema::Crd> crd = schema::parseCrd(definition);
    if (crd && crd->kind == kRelease.kind) {
      const Json* spec = crd->versions.front().schema->source().at({"properties", "spec"});
      return Law{*spec, crd->versions.front().schema};
    }
  }
  return std::nullopt;
}

// The outcome that must not depend on the way there: what runs, and what the API says of it.
std::string goal(World& world, Workload& work) {
  const App& app = work.apps().front();
  const Release* release = work.release(app);
  std::string out = release == nullptr ? "none" : cat(release->status.phase, " ", release->status.versions.applied);
  for (const std::string& server : app.servers) {
    Files& files = world.host(server)->files();
    const std::string current = cat(app.spec.layout.root, "/current-", app.spec.layout.environment);
    out += cat("\n", server, " ", files.readLink(current));
    files.walk(cat(app.spec.layout.root, "/", files.readLink(current)),
               [&](const std::string& path, const Files::Node& node) {
                 if (path == "./.slipway-release") {
                   return false;
                 }
                 out += node.type == Files::Node::Type::Directory ? "" : cat(" ", path);
                 return true;
               });
  }
  return out;
}

void walkTo(World& world, Workload& work, const ReleaseSpec& spec, const std::string& version) {
  App& app = work.apps().front();
  app.spec = spec;
  work.apply(app, version);
  const bool live = world.rest(kPatience, [&] { return work.isLive(app); });
  if (!world.violated()) {
    const Release* release = work.release(app);
    world.checker().require(31, live,
                            cat("a valid spec does not get live: ",
                                release == nullptr ? "" : cat(release->status.phase, ": ", release->status.message),
                                " ", toJson(app.spec).dump()));
  }
}

struct Walk {
  std::vector<ReleaseSpec> specs;
};

Walk drawWalk(std::uint64_t seed, const Law& law) {
  Dice dice(Dice::mix(seed ^ 0xac70));
  ReleaseSpec spec = plainSpec("app0");
  spec.health.http = HttpCheck{};
  spec.health.http->port = 8000;
  Json value = toJson(spec);
  Walk walk;
  for (int tries = 0; tries < 40 && walk.specs.size() < 4; ++tries) {
    Json next = value;
    Drawer(dice, 8000).draw(law.written, "spec", next);
    const Result<ReleaseSpec> read = releaseSpecFromJson(next);
    if (read && law.allows(next)) {
      walk.specs.push_back(*read);
      value = std::move(next);
    }
  }
  return walk;
}

Outcome playWalk(Shelf& shelf, std::uint64_t seed, const Walk& walk) {
  const auto world = [&] {
    WorldOptions options;
    options.seed = seed;
    auto made = std::make_unique<World>(shelf, std::move(options));
    return made;
  };
  // The walk, and at its end the way back to the first spec.
  const auto walked = world();
  Workload work(*walked);
  work.makeServers(3, kSeldom);
  work.addApp({"web1", "web2", "web3"}, walk.specs.front());
  std::string first;
  for (std::size_t i = 0; i < walk.specs.size(); ++i) {
    walkTo(*walked, work, walk.specs[i], i + 1 == walk.specs.size() ? "9.0.0" : cat("1.0.", i));
    if (i == 0) {
      first = goal(*walked, work);
    }
  }
  const std::string last = goal(*walked, work);
  // The last spec alone.
  const auto straight = world();
  Workload direct(*straight);
  direct.makeServers(3, kSeldom);
  direct.addApp({"web1", "web2", "web3"}, walk.specs.back());
  walkTo(*straight, direct, walk.specs.back(), "9.0.0");
  Checker& checker = walked->checker();
  for (const Violation& one : straight->checker().violations()) {
    checker.require(one.invariant, false, one.what);
  }
  if (!walked->violated()) {
    const std::string alone = goal(*straight, direct);
    checker.require(31, last == alone, cat("the end of a walk depends on the way:\n", last, "\ninstead of\n", alone));
    walkTo(*walked, work, walk.specs.front(), "1.0.0");
    const std::string back = goal(*walked, work);
    checker.require(31, walked->violated() || back == first,
                    cat("the way back does not lead back:\n", back, "\ninstead of\n", first));
  }
  return outcomeOf(*walked, seed);
}

}  // namespace

Totals acto(Shelf& shelf, std::uint64_t first, std::uint64_t count, const Share& share) {
  Totals totals;
  const std::optional<Law> law = releaseLaw();
  for (std::uint64_t i = share.index; law && i < count; i += share.of) {
    if (share.enough && share.enough(totals)) {
      break;
    }
    const Walk walk = drawWalk(first + i, *law);
    if (!walk.specs.empty()) {
      totals.add(playWalk(shelf, first + i, walk), "acto");
    }
  }
  return totals;
}

}  // namespace slipway::sim
