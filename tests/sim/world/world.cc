#include "tests/sim/world/world.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "reconciler/base/strings.h"
#include "reconciler/runtime/informer.h"
#include "tests/sim/host/host_script.h"

namespace slipway::sim {
namespace {

constexpr Duration kRecovery = std::chrono::seconds(5);
constexpr Duration kUserRetry = std::chrono::seconds(1);
constexpr Duration kAfterwards = std::chrono::minutes(10);
constexpr std::string_view kMetricsHost = "metrics.example";

}  // namespace

// One life of slipwayd.
struct World::Process {
  Process(World& world, std::uint64_t seed)
      : clock(world.time_),
        random(seed),
        log(*world.checker_, world.options_.show),
        store(world.disk_,
              {[&world] { return world.sync(); }, [&world](const Record& record) { world.committed(record); }}) {
    auto opened = apiserver::Registry::open({store, clock, random, metrics, log, &world.shelf_.definitions()});
    registry = *std::move(opened);
    writer = std::make_unique<apiserver::ObjectWriter>(*registry);
    api = std::make_unique<apiserver::InProcessApi>(*registry, *writer);
    collector = std::make_unique<apiserver::DeleteCollector>(*registry, *writer);
  }

  void add(std::unique_ptr<ControlLoop> controllers) {
    const ControlLoop* owner = controllers.get();
    for (const daemon::Controllers::Loop& loop : controllers->loops()) {
      turns.push_back({loop.name, loop.step, owner});
    }
    loops.push_back(std::move(controllers));
  }

  struct Turn {
    std::string name;
    std::function<bool()> step;
    const ControlLoop* owner = nullptr;
    bool idle = false;
  };

  ProcessClock clock;
  SimRandom random;
  SimMetrics metrics;
  SimLogger log;
  SimStore store;
  std::unique_ptr<apiserver::Registry> registry;
  std::unique_ptr<apiserver::ObjectWriter> writer;
  std::unique_ptr<apiserver::InProcessApi> api;
  std::unique_ptr<apiserver::DeleteCollector> collector;
  std::vector<std::unique_ptr<ControlLoop>> loops;
  std::vector<Turn> turns;
  std::vector<std::size_t> busy;  // of turns, those that may have something to do
  std::map<std::string, apiserver::ResourcePtr, std::less<>> resources;  // by "group/plural"
};

World::World(Shelf& shelf, WorldOptions options)
    : shelf_(shelf),
      options_(std::move(options)),
      time_(Dice::mix(options_.seed ^ 0x71)),
      dice_(Dice::mix(options_.seed ^ 0xd1ce)),
      faults_(options_.faults),
      disk_(shelf.freshDisk()) {
  checker_ = std::make_unique<Checker>(Checker::Ports{
      time_, disk_, [this](const std::string& server) { return host(server); },
      [this](SimHost& at, const std::string& name) { commandBegins(at, name); },
      [this](const std::string& service, const std::string& backend) { return proxies_.weightOf(service, backend); },
      [this](const std::string& version) { return goodAnswers_[version]; }});
  source_ = std::make_unique<SimSource>(shelf_, faults_, [this] { return mayGo(true); });
  boot();
}

World::~World() { process_.reset(); }

// --- servers ---------------------------------------------------------------------------------------------------------

SimHost& World::addHost(const std::string& server) {
  auto& made = hosts_[server];
  elsewhere_ += made == nullptr ? 1 : made->changes();
  made = std::make_unique<SimHost>(time_, *checker_, server);
  made->files().makeDirectories("/srv");
  made->files().makeDirectories("/etc");
  made->files().makeDirectories("/run");
  made->files().makeDirectories("/var/log");
  return *made;
}

SimHost* World::host(const std::string& server) {
  const auto found = hosts_.find(server);
  return found == hosts_.end() ? nullptr : found->second.get();
}

std::uint64_t World::durable() const {
  std::uint64_t out = disk_.last - disk_.told + disk_.compacted + proxies_.changes + crashes_ + elsewhere_;
  for (const auto& [name, one] : hosts_) {
    out += one->changes();
  }
  return out;
}

void World::heal() {
  ++elsewhere_;
  partitioned_.clear();
  startingUntil_.clear();
  for (const auto& [name, one] : hosts_) {
    one->files().setWritable(true);
    one->files().setFull(false);
    // What a person or program put in the place of a link.
    for (const auto& [port, app] : apps_) {
      for (const char* link : {"current", "previous"}) {
        const std::string path = cat(app.root, "/", link, "-", app.environment);
        if (one->files().look(path) != nullptr && !one->files().isLink(path)) {
          one->files().remove(path);
        }
      }
    }
  }
}

LinkPlan World::planLink(const std::string& machine) {
  LinkPlan plan;
  plan.latency = dice_.between(std::chrono::microseconds(200), std::chrono::milliseconds(20));
  if (const auto cut = partitioned_.find(machine); cut != partitioned_.end() && time_.now() < cut->second) {
    plan.connect = LinkPlan::Connect::Silent;
    return plan;
  }
  if (faults_.strikes(63)) {
    plan.latency = Duration(static_cast<Duration::rep>(faults_.detail() % 10'000'000'000));
  }
  if (faults_.strikes(36) || faults_.strikes(64)) {
    plan.connect = LinkPlan::Connect::KeyMismatch;
  } else if (faults_.strikes(37)) {
    plan.connect = LinkPlan::Connect::Denied;
  } else if (faults_.strikes(35)) {
    const std::uint64_t how = faults_.detail();
    plan.silentCut = how / 4 % 2 == 0;
    if (how % 4 == 0) {
      plan.connect = LinkPlan::Connect::Refused;
    } else if (how % 4 == 1) {
      plan.connect = LinkPlan::Connect::Silent;
    } else {
      plan.cutAfter = Duration(1 + static_cast<Duration::rep>(how / 8 % 200'000'000));
    }
  } else if (faults_.strikes(38)) {
    plan.cutAtAnswer = 1 + static_cast<int>(faults_.detail() % 8);
    plan.silentCut = faults_.detail() / 8 % 2 == 0;
  }
  if (faults_.strikes(39)) {
    plan.flood = faults_.detail() % 4 == 0;
    plan.noise = "Welcome!\nphase fake\noutcome done\nend\n";
  }
  return plan;
}

Result<HttpClientResponse> World::answer(const std::string& address, int port) {
  SimHost* at = host(address);
  const auto app = apps_.find(port);
  if (at == nullptr || app == apps_.end()) {
    return Status(Code::Unavailable, "connection refused");
  }
  if (const auto cut = partitioned_.find(address); cut != partitioned_.end() && time_.now() < cut->second) {
    return Status(Code::Timeout, "no answer in time");
  }
  const App& one = app->second;
  const std::string file = one.managed ? cat("/run/", port) : cat(one.root, "/current-", one.environment, "/version");
  const auto version = at->files().read(file);
  if (!version) {
    return Status(Code::Unavailable, "connection refused");
  }
  const std::string current = at->files().readLink(cat(one.root, "/current-", one.environment));
  SteadyTime& starting = startingUntil_[cat(address, " ", port, " ", current)];
  if (starting == SteadyTime{} && faults_.strikes(41)) {
    starting = time_.now() + Duration(static_cast<Duration::rep>(faults_.detail() % 60'000'000'000));
  }
  if (time_.now() < starting) {
    return Status(Code::Unavailable, "connection refused");
  }
  const bool bad = version->find("sick") != std::string::npos || faults_.strikes(42) ||
                   (mixed(one) && faults_.strikes(46)) || at->files().exists(cat("/etc/sick-", trim(*version)));
  return HttpClientResponse{bad ? 503 : 200, bad ? "unwell" : "ok"};
}

// What a member of a cluster says of itself. Leadership moves on its own; a member that leads and is unwell leaves the
// cluster without a leader for as long.
Result<HttpClientResponse> World::role(const std::string& address, int port) {
  constexpr Duration kTerm = std::chrono::seconds(47);
  Result<HttpClientResponse> own = answer(address, port);
  if (!own || own->status != 200) {
    return own;
  }
  const auto term = static_cast<std::size_t>(time_.now().time_since_epoch() / kTerm);
  const bool leads = std::next(hosts_.begin(), static_cast<std::ptrdiff_t>(term % hosts_.size()))->first == address;
  return HttpClientResponse{200, leads ? R"({"role":"leader"})" : R"({"role":"follower"})"};
}

// The share of errors of a version, /rate/<version>, as the metrics' server knows it.
Result<HttpClientResponse> World::measured(const std::string& path) {
  if (faults_.strikes(56)) {
    const std::uint64_t how = faults_.detail() % 3;
    return how == 0   ? Result<HttpClientResponse>(Code::Unavailable, "connection refused")
           : how == 1 ? Result<HttpClientResponse>(Code::Timeout, "no answer in time")
                      : HttpClientResponse{503, "busy"};
  }
  if (faults_.strikes(55)) {
    static constexpr std::array<std::string_view, 4> kNone{"{}", R"({"rate":null})", R"({"rate":"NaN"})", "{"};
    return HttpClientResponse{200, std::string(kNone[faults_.detail() % kNone.size()])};
  }
  const std::string marker = cat("/etc/lossy-", path.substr(path.rfind('/') + 1));
  const bool lossy =
      std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& one) { return one.second->files().exists(marker); });
  if (!lossy) {
    ++elsewhere_;
    ++goodAnswers_[path.substr(path.rfind('/') + 1)];
  }
  return HttpClientResponse{200, lossy ? R"({"rate":0.5})" : R"({"rate":0.01})"};
}

bool World::mixed(const App& app) const {
  std::set<std::string> links;
  for (const auto& [name, one] : hosts_) {
    const std::string link = one->files().readLink(cat(app.root, "/current-", app.environment));
    if (!link.empty()) {
      links.insert(link);
    }
  }
  return links.size() > 1;
}

void World::commandBegins(SimHost& host, const std::string& name) {
  if (name == "process stop" && faults_.strikes(44)) {
    host.files().write("/etc/deaf", "");
    time_.after(Duration(static_cast<Duration::rep>(5'000'000'000 + faults_.detail() % 60'000'000'000)),
                [&host] { host.files().remove("/etc/deaf"); });
  }
  if (faults_.strikes(47)) {
    time_.after(Duration(static_cast<Duration::rep>(faults_.detail() % 2'000'000'000)), [&host] { host.restart(); });
  }
}

// --- the process -----------------------------------------------------------------------------------------------------

// Before each effect of a control loop: false when the process is dead, or dies now.
bool World::mayGo(bool mainLoop) {
  if (dying_ || process_ == nullptr) {
    return false;
  }
  const bool recovering = crashes_ > 0 && time_.now() - bootedAt_ < kRecovery;
  if (std::exchange(dieNext_, false) || (recovering && faults_.strikes(4)) || faults_.strikes(1)) {
    crash();
    return false;
  }
  if (faults_.strikes(6)) {
    auto& loop = process_->loops[mainLoop || process_->loops.size() < 2 ? 0 : 1];
    loop->pauseUntil(time_.now() + std::chrono::seconds(35) +
                     Duration(static_cast<Duration::rep>(faults_.detail() % 265'000'000'000)));
  }
  if (faults_.strikes(61)) {
    for (const auto& loop : process_->loops) {
      loop->pauseUntil(time_.now() + Duration(static_cast<Duration::rep>(faults_.detail() % 20'000'000'000)));
    }
  }
  return true;
}

// After an effect and before its reply.
bool World::heard() {
  if (dying_) {
    return false;
  }
  if (faults_.strikes(2)) {
    crash();
    return false;
  }
  return true;
}

void World::crash() {
  if (process_ == nullptr || std::exchange(dying_, true)) {
    return;
  }
  ++crashes_;
  trace_.add("crash");
  if (options_.show) {
    options_.show("--- crash");
  }
  process_->store.fail();
  markCrash();
}

void World::markCrash() {
  for (const auto& [uid, view] : checker_->runs()) {
    const RunStatus& status = view.run.status;
    if (isTerminal(status.phase)) {
      continue;
    }
    checker_->mark("crash with a run open");
    if (!status.decisions.revert.empty()) {
      checker_->mark("crash while undoing");
      continue;
    }
    const Layout& layout = view.run.spec.spec.layout;
    std::size_t flipped = 0;
    for (const RunTarget& target : status.targets) {
      SimHost* at = host(target.name);
      flipped += at != nullptr && at->files()
                                      .readLink(cat(layout.root, "/current-", layout.environment))
                                      .ends_with("/" + view.run.spec.version);
    }
    if (!status.decisions.commit.empty() && flipped > 0 && flipped < status.targets.size()) {
      checker_->mark("crash between two flips");
    }
  }
}

// What hooks talk to: there as long as its server is.
Result<HttpClientResponse> World::answerHook(const std::string& address) {
  const auto cut = partitioned_.find(address);
  if (host(address) == nullptr || (cut != partitioned_.end() && time_.now() < cut->second)) {
    return Status(Code::Timeout, "no answer in time");
  }
  return HttpClientResponse{200, "ok"};
}

SimStore::Sync World::sync() {
  if (dying_) {
    return SimStore::Sync::Lost;
  }
  if (faults_.strikes(26)) {
    const bool written = faults_.detail() % 2 == 0;
    crash();
    return written ? SimStore::Sync::FailedButWritten : SimStore::Sync::Lost;
  }
  if (faults_.strikes(28)) {
    const bool written = faults_.detail() % 2 == 0;
    crash();
    return written ? SimStore::Sync::FailedButWritten : SimStore::Sync::Lost;
  }
  return SimStore::Sync::Fine;
}

void World::committed(const Record& record) {
  trace_.add(record.key);
  changes_ += record.key.starts_with("slipway.dev/servers/") ? 0 : 1;
  trace_.add(record.value ? std::string_view(*record.value) : std::string_view("gone"));
  if (options_.show) {
    options_.show(cat("    store ", record.revision, " ", record.key, " ",
                      record.value ? std::string_view(*record.value) : std::string_view("deleted")));
  }
  checker_->committed(record, shown(record));
}

// What the process has of a record, whose bytes must be those of the record.
std::shared_ptr<const Json> World::shown(const Record& record) {
  const std::size_t slash = record.key.find('/', record.key.find('/') + 1);
  const std::size_t name = record.key.find('/', slash + 1);
  if (!record.value || process_ == nullptr || !process_->registry || slash == std::string::npos ||
      name == std::string::npos) {
    return nullptr;
  }
  apiserver::ResourcePtr& resource = process_->resources[record.key.substr(0, slash)];
  if (resource == nullptr) {
    for (const Kind* kind : {&kRelease, &kReleaseRun, &kLease}) {
      if (record.key.compare(0, slash, cat(kind->group, "/", kind->plural)) == 0) {
        resource = process_->registry->resource(kind->group, kind->version, kind->plural);
      }
    }
  }
  const apiserver::StoredPtr stored =
      resource == nullptr ? nullptr
                          : process_->registry->newest(*resource, {record.key.substr(slash + 1, name - slash - 1),
                                                                   record.key.substr(name + 1)});
  if (stored == nullptr || stored->revision != record.revision) {
    return nullptr;
  }
  // The bytes begin with what the store keeps up to the metadata; then comes the revision, then the rest.
  const std::string version = cat("\"resourceVersion\":\"", record.revision, "\",");
  const std::size_t at = stored->bytes.find(version);
  std::string_view text = *record.value;
  text.remove_suffix(text.ends_with('\n') ? 1 : 0);
  const std::string_view bytes = stored->bytes;
  checker_->require(39,
                    at != std::string::npos && bytes.substr(0, at) == text.substr(0, at) &&
                        bytes.substr(at + version.size()) == text.substr(at),
                    cat(record.key, " is stored otherwise than it is shown"));
  return std::make_shared<const Json>(stored->parse());
}

ControlLoop::Ports World::portsFor(bool main) {
  SimRunner::Ports network{time_,
                           [this](const std::string& address) { return host(address); },
                           [this](SimHost& at, const SentRequest&) { return planLink(at.name()); },
                           [this, main](const SentRequest& request, const std::string& address) {
                             if (!mayGo(main)) return false;
                             trace_.add(request.operation);
                             sent_ += request.kind.empty() || request.kind == "observe" ? 0 : 1;  // looks apart
                             if (options_.show) {
                               options_.show(cat("    send ", address, " ", request.kind, " ", request.operation));
                             }
                             checker_->sent(request);
                             return true;
                           },
                           [this](const SentRequest&) { (void)heard(); },
                           [this](const SentRequest&) {
                             if (faults_.strikes(3)) dieNext_ = true;
                           }};
  SimHttp::Ports http{time_,
                      [this](const std::string& address, int port, const std::string& path) {
                        return address == kMetricsHost  ? measured(path)
                               : path == "/raft/status" ? role(address, port)
                                                        : answer(address, port);
                      },
                      [this] { return dice_.between(std::chrono::milliseconds(1), std::chrono::milliseconds(20)); },
                      [this, life = crashes_] { return crashes_ == life; }};
  SimHttp::Ports outbound{time_,
                          [this](const std::string& address, int, const std::string&) { return answerHook(address); },
                          http.latency,
                          http.alive,
                          [this, main](const HttpClientRequest& request) {
                            if (!mayGo(main)) return false;
                            ++elsewhere_;
                            trace_.add(request.url);
                            if (options_.show) {
                              options_.show(cat("    ", request.method, " ", request.url));
                            }
                            checker_->requested(request.url);
                            return true;
                          },
                          [this] { (void)heard(); }};
  std::function<bool()> alive = http.alive;
  return {time_,
          faults_,
          *checker_,
          stale_,
          *process_->api,
          *source_,
          std::move(network),
          std::move(http),
          std::move(outbound),
          [this, main] { return mayGo(main); },
          [this] { return heard(); },
          [this] { return disk_.last; },
          options_.show,
          main ? "slipwayd" : "slipwayd-b",
          Dice::mix(options_.seed + 77 * crashes_ + (main ? 0 : 5)),
          trafficPorts(main, std::move(alive))};
}

SimTraffic::Ports World::trafficPorts(bool main, std::function<bool()> alive) {
  return {time_,
          proxies_,
          [this, main](const TrafficRequest& request) {
            if (!mayGo(main)) {
              return false;
            }
            const bool reads = std::holds_alternative<ReadTraffic>(request.action);
            trace_.add(request.operationId);
            sent_ += reads ? 0 : 1;
            if (options_.show) {
              options_.show(cat("    proxy ", request.target.name, " ", FakeTrafficManager::nameOf(request.action), " ",
                                request.operationId));
            }
            return true;
          },
          [this] { (void)heard(); },
          [this] {
            if (faults_.strikes(3)) dieNext_ = true;
          },
          [this](const std::string& machine) { return planLink(machine); },
          [this](Duration most) { return Duration(static_cast<Duration::rep>(dice_.below(most.count() + 1))); },
          std::move(alive),
          [this](const TrafficRequest& request, const FakeTrafficManager::Proxy& proxy) {
            checker_->trafficChanged(request, proxy.backends);
          }};
}

void World::boot() {
  dying_ = false;
  dieNext_ = false;
  restarting_ = false;
  bootedAt_ = time_.now();
  process_ = std::make_unique<Process>(*this, Dice::mix(options_.seed + 1000003 * crashes_));
  process_->add(std::make_unique<ControlLoop>(portsFor(true)));
  if (options_.secondLeader) {
    process_->add(std::make_unique<ControlLoop>(portsFor(false)));
  }
  apiserver::DeleteCollector* collector = process_->collector.get();
  process_->turns.push_back({"collector", [collector] { return collector->step(); }});
  for (std::size_t i = 0; i < process_->turns.size(); ++i) {
    process_->busy.push_back(i);
  }
  checkRestored();
}

void World::restartLater() {
  process_.reset();
  // The store forgets old changes now and then; watches do not outlive a process here.
  if (dice_.chance(0.9)) {
    disk_.forget(disk_.last > 16 ? disk_.last - 16 : 0);
  }
  restarting_ = true;
  Duration pause = dice_.between(std::chrono::milliseconds(200), std::chrono::seconds(5));
  if (faults_.strikes(10)) {
    pause += Duration(static_cast<Duration::rep>(faults_.detail() % 120'000'000'000));
  }
  const bool again = faults_.strikes(5);
  time_.after(pause, [this, again] {
    boot();
    if (again) {
      time_.after(Duration(static_cast<Duration::rep>(dice_.below(300'000'000))), [this] { crash(); });
    }
  });
}

apiserver::InProcessApi* World::api() { return process_ == nullptr || dying_ ? nullptr : process_->api.get(); }

const ControlLoop* World::leader() const { return process_ == nullptr ? nullptr : process_->loops.front().get(); }

void World::user(std::function<Status(apiserver::InProcessApi&)> act) {
  if (apiserver::InProcessApi* now = api()) {
    const Status done = act(*now);
    if (options_.show) {
      options_.show(cat("--- user: ", done.toString()));
    }
    if (!dying_) {
      wake();
      return;
    }
  }
  time_.after(kUserRetry, [this, act = std::move(act)] { user(act); });
}

// --- the scheduler ---------------------------------------------------------------------------------------------------

// One turn of one loop, chosen at random among those that may have something to do.
bool World::turn() {
  auto& busy = process_->busy;
  while (!busy.empty()) {
    const std::size_t at = dice_.below(busy.size());
    Process::Turn& turn = process_->turns[busy[at]];
    const bool paused = turn.owner != nullptr && turn.owner->paused();
    if (!paused && turn.step()) {
      trace_.add(busy[at]);
      wake();
      return true;
    }
    turn.idle = true;
    busy[at] = busy.back();
    busy.pop_back();
    if (dying_) {
      return true;
    }
  }
  return false;
}

// What there is to do at this moment; false when all wait for time to pass.
bool World::act() {
  if (dying_) {
    restartLater();
    dying_ = false;
    return true;
  }
  if (time_.fireDue()) {
    wake();
    return true;
  }
  return process_ != nullptr && turn();
}

bool World::pass(SteadyTime limit) {
  if (!time_.fireNext(limit)) {
    return false;
  }
  wake();
  return true;
}

bool World::step(SteadyTime limit) { return act() || pass(limit); }

// Something happened: every loop may have something to do.
void World::wake() {
  if (process_ == nullptr) {
    return;
  }
  for (std::size_t i = 0; i < process_->turns.size(); ++i) {
    if (std::exchange(process_->turns[i].idle, false)) {
      process_->busy.push_back(i);
    }
  }
}

void World::run(SteadyTime until) {
  while (!violated() && step(until)) {
  }
}

bool World::settle(Duration limit, const std::function<bool()>& done) {
  const SteadyTime until = time_.now() + limit;
  while (!violated()) {
    if (act()) {
      continue;
    }
    if (process_ != nullptr && done()) {
      return true;
    }
    if (!pass(until)) {
      return false;
    }
  }
  return false;
}

bool World::rest(Duration limit, const std::function<bool()>& done) {
  if (!settle(limit, done)) {
    return false;
  }
  std::uint64_t crashes = 0;
  do {
    crashes = crashes_;
    run(time_.now() + kAfterwards);
  } while (crashes != crashes_ && !violated());
  return process_ != nullptr && done();
}

// --- what must hold of the whole -------------------------------------------------------------------------------------

void World::checkRestored() {
  checker_->require(40, process_->registry->published() == disk_.last, "versions went back over a restart");
  checkStill();
}

void World::tries(const std::function<Status(apiserver::ObjectWriter&, apiserver::Registry&)>& act, bool dry) {
  if (api() == nullptr) {
    return;
  }
  const Revision was = disk_.last;
  const Status done = act(*process_->writer, *process_->registry);
  if (dying_) {
    return;
  }
  checker_->require(45, done.isOk() == dry, cat("a request was answered ", done.toString()));
  checker_->require(45, disk_.last == was, cat("a request that was ", dry ? "dry" : "refused", " made a record"));
  wake();
}

void World::checkMetrics() {
  // The counter goes up after the end is durable: a crash or an answer that is lost comes between.
  if (crashes_ > 0 || faults_.struck(21) || faults_.struck(22) || faults_.struck(31) || process_ == nullptr) {
    return;
  }
  std::map<std::string, std::uint64_t> counted;
  for (const auto& loop : process_->loops) {
    for (const auto& [outcome, runs] : loop->metrics().runs()) {
      counted[outcome] += runs;
    }
  }
  for (const auto& [outcome, runs] : checker_->ends()) {
    checker_->require(52, counted[outcome] == runs,
                      cat(runs, " runs ended ", outcome, ", the metric says ", counted[outcome]));
  }
}

void World::checkStill() {
  std::size_t shown = 0;
  for (const Kind* kind : {&kRelease, &kReleaseRun, &kServer, &kDestination, &kSecret, &kLease}) {
    const Result<ObjectList> list = process_->api->list(*kind, "");
    if (!list) {
      checker_->require(39, false, cat(kind->plural, " are not served after a restart"));
      continue;
    }
    for (const ObjectPtr& object : list->items) {
      const ObjectKey key = runtime::keyOf(*object);
      const Record* record = disk_.find(cat(kind->group, "/", kind->plural, "/", key.ns, "/", key.name));
      checker_->require(39,
                        record != nullptr &&
                            std::to_string(record->revision) == object->at({"metadata", "resourceVersion"})->asString(),
                        cat(kind->kind, " ", key.toString(), " differs from what is durable"));
      ++shown;
    }
    std::size_t kept = 0;
    const std::string prefix = cat(kind->group, "/", kind->plural, "/");
    for (auto it = disk_.current.lower_bound(prefix); it != disk_.current.end() && it->first.starts_with(prefix);
         ++it) {
      ++kept;
    }
    checker_->require(44, kept == list->items.size(),
                      cat(kind->plural, ": ", kept, " are durable, ", list->items.size(), " are shown"));
  }
}

}  // namespace slipway::sim
