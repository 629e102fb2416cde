#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reconciler/api/release.h"
#include "tests/sim/world/world.h"

namespace slipway::sim {

// One release that a workload plays with.
struct App {
  std::string name;
  std::vector<std::string> servers;
  int port = 0;
  ReleaseSpec spec;  // as applied last
  int applied = 0;   // versions so far
};

// How often servers are asked whether they answer.
inline constexpr Duration kOften = std::chrono::minutes(5);
inline constexpr Duration kSeldom = std::chrono::hours(1);

// The objects of a world and what people do with them.
class Workload {
 public:
  explicit Workload(World& world) : world_(world) {}

  // Servers web1 to web<count>, with their key, each asked whether it answers once in this interval.
  void makeServers(int count, Duration probes);
  // Those that are restored from now on.
  void probeEvery(Duration probes) { probes_ = probes; }
  // A release of its own destination and directory; not applied yet.
  App& addApp(std::vector<std::string> servers, ReleaseSpec spec);
  std::vector<App>& apps() { return apps_; }

  // Applies the app's spec with this version; creates what is missing.
  void apply(App& app, const std::string& version);
  void applySpec(App& app);
  // Asks for a verb with a token of its own; "rollback" may have a version.
  void ask(const App& app, const std::string& verb, const std::string& version = {});
  void removeRelease(const App& app);
  void removeServer(const std::string& server);
  void restoreServer(const std::string& server);
  // A label that the server has from now on, also when it is made again.
  void label(const std::string& server, const std::string& key, const std::string& value);
  void lockDestination(const App& app, bool locked);
  // A file on a server that commands and health checks look for: "broken-<version>", "gate-<version>", "sick-…"; and
  // metrics: "lossy-<version>".
  void plant(const std::string& server, const std::string& marker, bool there = true);

  // As everything is: "" when there is no release or it has no run.
  const Release* release(const App& app) const;
  std::string phaseOf(const App& app) const;
  bool runOpen(const App& app) const;
  // The app's version is Ready in the API and live on all its servers.
  bool isLive(const App& app) const;
  // What is on the servers and what the API says of it, without names, times and numbers of tries: two worlds with the
  // same are in the same state.
  std::string finalState() const;

  static constexpr const char* kNamespace = "default";

  // Creates the object, or gives it this spec.
  void ensure(const Kind& kind, const Json& object);

 private:
  World& world_;
  std::vector<App> apps_;
  std::map<std::string, std::map<std::string, std::string>> labels_;  // by server
  Duration probes_{};
  int tokens_ = 0;
};

// A spec that uses most of what there is, decided by dice; commands look at markers on the servers.
// Hooks at most points of a run, commands and requests.
std::vector<Hook> someHooks(const std::string& name);
ReleaseSpec randomSpec(Dice& dice, const std::string& name, int port);
// The plainest one.
ReleaseSpec plainSpec(const std::string& name);

}  // namespace slipway::sim
