// HAProxy: weights, drains and servers that come and go over its socket, at once and without a reload; the file says
// the same, so that a reload or a restart loses nothing. What the socket cannot do is done by the file and a reload.
#include <algorithm>

#include "providers/traffic/dialect.h"
#include "providers/traffic/haproxy_text.h"
#include "providers/traffic/wanted.h"
#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

// A server that leaves may still have connections for a moment.
constexpr int kPatience = 8;

struct Sections {
  std::string name;
  bool write = false;  // the backend of writes
  std::optional<HaProxySection> section;
};

Exchange command(std::string text, std::string wanted = "") { return {std::move(text) + "\n", std::move(wanted)}; }

// Whether the running proxy has other servers, addresses or weights than the section. `out` gets what it has.
std::string difference(const HaProxySection& section, const std::vector<RuntimeServer>& running,
                       std::vector<BackendState>& out) {
  std::string problem;
  for (const RuntimeServer& server : running) {
    BackendState state{.backend = {server.name, server.address, server.port},
                       .weight = server.draining || server.maintenance ? 0 : server.weight,
                       .connections = server.sessions,
                       .health = server.health};
    const auto written = std::find_if(section.servers.begin(), section.servers.end(),
                                      [&](const HaProxyServer& one) { return one.state.backend.name == server.name; });
    if (written == section.servers.end()) {
      problem = cat("HAProxy runs with server ", server.name, ", which is not in the file");
    } else {
      const BackendState& should = written->state;
      state.writer = should.writer;
      // The file may have a name where the proxy has the address.
      const bool named = std::any_of(should.backend.address.begin(), should.backend.address.end(),
                                     [](char c) { return (c >= 'g' && c <= 'z') || c == '*'; });
      state.backend.address = named ? should.backend.address : state.backend.address;
      if (state.backend != should.backend || state.weight != should.weight) {
        problem = cat("HAProxy runs with ", server.name, " at ", hostPort(state.backend), " with weight ", state.weight,
                      ", the file has ", hostPort(should.backend), " with weight ", should.weight);
      }
    }
    out.push_back(std::move(state));
  }
  for (const HaProxyServer& server : section.servers) {
    const auto found = std::find_if(out.begin(), out.end(), [&](const BackendState& state) {
      return state.backend.name == server.state.backend.name;
    });
    if (found == out.end()) {
      problem = cat("HAProxy runs without server ", server.state.backend.name, ", which is in the file");
    }
  }
  return problem;
}

class HaProxy final : public Dialect {
 public:
  std::vector<std::string> questions(const TrafficSpec& spec) const override {
    std::vector<std::string> out;
    for (const Sections& one : names(spec)) {
      out.push_back(cat("show servers state ", one.name, "\n"));
      out.push_back(cat("show stat ", one.name, " 4 -1\n"));
    }
    return out;
  }

  Result<Sight> read(const TrafficSpec& spec, const Look& look) const override {
    if (!look.silent.empty()) {
      return Status(Code::Unavailable, look.silent);
    }
    if (!look.file) {
      return Status(Code::NotFound, cat("there is no file ", spec.filePath()));
    }
    Sight out;
    const std::vector<Sections> all = sections(spec, *look.file);
    for (std::size_t i = 0; i < all.size() && 2 * i + 1 < look.replies.size(); ++i) {
      std::vector<BackendState> running;
      if (const Status status = readSection(all[i], look, i, running, out); !status) {
        return status;
      }
      (all[i].write ? takeWriters(all[i], running, out) : takeBackends(all[i], running, out));
    }
    sortByName(out.configured);
    sortByName(out.running);
    return out;
  }

  Result<std::optional<Next>> next(const Turn& turn) const override {
    Next out;
    std::string file = *turn.look.file;
    bool reload = turn.refusals >= kPatience;
    const std::vector<Sections> all = sections(turn.spec, file);
    if (const Status status = mayStick(turn, all.front()); !status) {
      return status;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      const HaProxySection section = all[i].section.value_or(newSection(all[i], file));
      const std::string text = withHaProxyServers(section, turn.wanted.backends, turn.wanted.stickiness, all[i].write);
      reload = reload || !all[i].section || rolesDiffer(section, turn.wanted, all[i].write) ||
               (!all[i].write && cookiesDiffer(section, turn.wanted));
      replaceSection(file, all[i].name, section, text);
      const std::optional<HaProxySection> after = findHaProxySection(file, all[i].name);
      Result<std::vector<RuntimeServer>> running = runtime(turn.look, i);
      if (!running || !after) {
        reload = true;
        continue;
      }
      commands(all[i], *after, *running, turn, out.change.exchanges);
    }
    if (file != *turn.look.file) {
      out.change.file = Change::File::Write;
      out.change.expected = *turn.look.file;
      out.change.content = file;
      out.change.test = turn.spec.testCommand();
    } else if (out.change.exchanges.empty() && !reload) {
      return std::optional<Next>();
    }
    if (reload) {
      out.change.exchanges.clear();
      out.change.test = turn.spec.testCommand();
      out.change.reload = turn.spec.reloadCommand();
    }
    out.managedAfter = managed(turn.spec, file);
    return std::optional(std::move(out));
  }

  Result<std::optional<Next>> restore(const Turn& turn) const override {
    Next out;
    std::string file = *turn.look.file;
    // Each section's own text, one after another; a section that was not there has none.
    const std::string& original = turn.look.record->original;
    for (const Sections& one : sections(turn.spec, file)) {
      const std::optional<HaProxySection> was = findHaProxySection(original, one.name);
      if (one.section) {
        file = cat(one.section->before, was ? was->text : "", one.section->after);
      }
    }
    out.change.file = Change::File::Write;
    out.change.expected = *turn.look.file;
    out.change.content = file;
    out.change.test = turn.spec.testCommand();
    out.change.reload = turn.spec.reloadCommand();
    out.managedAfter = original;
    return std::optional(std::move(out));
  }

  Status judge(const Turn& turn, const Answer& answer) const override {
    const std::string said = answer.replies.empty() ? "" : printable(trim(answer.replies.back()));
    if (said.find("still has connections") != std::string::npos || said.find("cannot remove") != std::string::npos) {
      return Status::ok();
    }
    if (said.find("static LB algorithm") != std::string::npos) {
      return {Code::Invalid, cat("backend ", turn.spec.service, ": ", said, ": use a dynamic one, such as roundrobin")};
    }
    if (said.find("ermission denied") != std::string::npos) {
      return {Code::Denied, cat("HAProxy answers: ", said, " (the socket needs `level admin`)")};
    }
    if (answer.replies.empty() || turn.refusals > kPatience) {
      return answer.status;
    }
    // What the socket does not do, the file and a reload may.
    return Status::ok();
  }

 private:
  static std::vector<Sections> names(const TrafficSpec& spec) {
    std::vector<Sections> out = {{spec.service, false, std::nullopt}};
    if (!spec.writeService.empty()) {
      out.push_back({spec.writeService, true, std::nullopt});
    }
    return out;
  }
  static std::vector<Sections> sections(const TrafficSpec& spec, const std::string& file) {
    std::vector<Sections> out = names(spec);
    for (Sections& one : out) {
      one.section = findHaProxySection(file, one.name);
    }
    return out;
  }
  static std::string managed(const TrafficSpec& spec, const std::string& file) {
    std::string out;
    for (const Sections& one : sections(spec, file)) {
      out += one.section ? one.section->text : "";
    }
    return out;
  }

  static Result<std::vector<RuntimeServer>> runtime(const Look& look, std::size_t index) {
    if (2 * index + 1 >= look.replies.size()) {
      return Status(Code::Unavailable, "no answer");
    }
    return parseRuntime(look.replies[2 * index], look.replies[2 * index + 1]);
  }

  static Status readSection(const Sections& one, const Look& look, std::size_t index,
                            std::vector<BackendState>& running, Sight& out) {
    const Result<std::vector<RuntimeServer>> servers = runtime(look, index);
    if (!one.section) {
      if (servers) {
        return {Code::Invalid,
                cat("HAProxy has a backend ", one.name, " that is not in this file: set spec.traffic.file")};
      }
      return Status::ok();
    }
    out.managed += one.section->text;
    out.exists = true;
    if (!servers) {
      out.problem =
          cat("backend ", one.name, " is in the file and not in the running proxy: ", servers.status().message());
      return Status::ok();
    }
    if (const std::string problem = difference(*one.section, *servers, running); !problem.empty()) {
      out.problem = problem;
      out.edited = true;
    } else if (!one.write) {
      out.problem = cookieProblem(*one.section, *servers);
    }
    out.stickiness = one.write ? out.stickiness : one.section->stickiness;
    return Status::ok();
  }

  // Whether the running proxy knows the cookie and who has it.
  static std::string cookieProblem(const HaProxySection& section, const std::vector<RuntimeServer>& running) {
    for (const RuntimeServer& server : running) {
      const std::string should = section.stickiness.cookie.empty() ? "" : server.name;
      const bool ours = server.cookie == server.name || server.cookie.empty();
      if (section.otherCookie.empty() && ours && server.cookie != should) {
        return cat("HAProxy runs ", should.empty() ? "with" : "without", " the cookie of server ", server.name);
      }
    }
    return {};
  }

  static void takeBackends(const Sections& one, const std::vector<BackendState>& running, Sight& out) {
    for (const HaProxyServer& server : one.section ? one.section->servers : std::vector<HaProxyServer>()) {
      out.configured.push_back(server.state);
      out.configured.back().writer = false;
    }
    out.running = running;
    for (BackendState& state : out.running) {
      state.writer = false;
    }
  }

  // Who takes the writes is what the second backend is for. One that it lacks is a difference.
  static void takeWriters(const Sections& one, const std::vector<BackendState>& running, Sight& out) {
    for (const HaProxyServer& server : one.section ? one.section->servers : std::vector<HaProxyServer>()) {
      if (BackendState* state = findBackend(out.configured, server.state.backend.name); state != nullptr) {
        state->writer = server.state.writer;
      }
    }
    for (const BackendState& server : running) {
      if (BackendState* state = findBackend(out.running, server.backend.name); state != nullptr) {
        state->writer = server.writer;
        state->connections += server.connections;
      }
    }
    if (running.size() != out.running.size() && out.problem.empty()) {
      out.problem = cat("backend ", one.name, " has not the servers of the other one");
    }
  }

  static HaProxySection newSection(const Sections& one, const std::string& file) {
    HaProxySection out;
    out.before = cat(file, file.empty() || file.ends_with('\n') ? "" : "\n", "\n");
    out.head = cat("backend ", one.name, "\n");
    out.lines = {one.write ? "    balance first\n" : "    balance roundrobin\n"};
    return out;
  }

  static void replaceSection(std::string& file, const std::string& name, const HaProxySection& section,
                             const std::string& text) {
    // Another section of ours may have changed the file meanwhile.
    const std::optional<HaProxySection> now = findHaProxySection(file, name);
    file = now ? cat(now->before, text, now->after) : cat(section.before, text);
  }

  // Whether a server is, or stops being, a backup: no command changes that.
  static bool rolesDiffer(const HaProxySection& section, const Wanted& wanted, bool write) {
    return write && std::any_of(section.servers.begin(), section.servers.end(), [&](const HaProxyServer& server) {
             const auto found = std::find_if(
                 wanted.backends.begin(), wanted.backends.end(),
                 [&](const BackendState& state) { return state.backend.name == server.state.backend.name; });
             return found != wanted.backends.end() && found->writer != server.state.writer;
           });
  }

  // A cookie, and a server that has one, take a reload: no command sets it.
  static bool cookiesDiffer(const HaProxySection& section, const Wanted& wanted) {
    return section.stickiness != wanted.stickiness ||
           (!wanted.stickiness.cookie.empty() && section.servers.size() != wanted.backends.size());
  }

  static Status mayStick(const Turn& turn, const Sections& one) {
    if (turn.wanted.stickiness.cookie.empty() || !one.section || one.section->otherCookie.empty()) {
      return Status::ok();
    }
    return {Code::Conflict, cat("backend ", one.name, " has a cookie of its own (", printable(one.section->otherCookie),
                                "): leave stickiness out, or remove that line")};
  }

  // What brings the running section to what the file will say: first who gets more, so that there is always somebody
  // for the next request, then who gets less or leaves.
  static void commands(const Sections& one, const HaProxySection& after, const std::vector<RuntimeServer>& running,
                       const Turn& turn, std::vector<Exchange>& out) {
    std::vector<Exchange> less;
    for (const RuntimeServer& server : running) {
      const auto stays = std::find_if(after.servers.begin(), after.servers.end(), [&](const HaProxyServer& next) {
        return next.state.backend.name == server.name;
      });
      const std::string place = cat(one.name, "/", server.name);
      if (stays == after.servers.end()) {
        less.push_back(command(cat("set server ", place, " state maint")));
        less.push_back(command(cat("shutdown sessions server ", place)));
        less.push_back(command(cat("del server ", place), "Server deleted"));
        continue;
      }
      const BackendState& wanted = stays->state;
      std::vector<Exchange>& side = wanted.weight > server.weight ? out : less;
      if (wanted.backend.address != server.address || wanted.backend.port != server.port) {
        side.push_back(
            command(cat("set server ", place, " addr ", wanted.backend.address, " port ", wanted.backend.port), "*"));
      }
      const bool away = wanted.weight == 0 && !turn.wanted.stickiness.cookie.empty();
      adjust(place, wanted.weight, server, {turn.wanted.draining == server.name, away}, side);
    }
    for (const HaProxyServer& server : after.servers) {
      if (std::none_of(running.begin(), running.end(),
                       [&](const RuntimeServer& old) { return old.name == server.state.backend.name; })) {
        add(one, after, server, out);
      }
    }
    out.insert(out.end(), less.begin(), less.end());
  }

  struct Leaving {
    bool drain = false;
    bool away = false;  // not even with a cookie
  };

  static void adjust(const std::string& place, int weight, const RuntimeServer& server, Leaving leaving,
                     std::vector<Exchange>& out) {
    const bool drain = leaving.drain && !leaving.away;
    if (server.weight != weight) {
      out.push_back(command(cat("set server ", place, " weight ", weight)));
    }
    if (leaving.away && !server.maintenance) {
      out.push_back(command(cat("set server ", place, " state maint")));
    }
    if (drain && !server.draining) {
      out.push_back(command(cat("set server ", place, " state drain")));
    } else if (!drain && weight > 0 && (server.draining || server.maintenance)) {
      out.push_back(command(cat("set server ", place, " state ready")));
    }
  }

  static void add(const Sections& one, const HaProxySection& after, const HaProxyServer& server,
                  std::vector<Exchange>& out) {
    const std::string place = cat(one.name, "/", server.state.backend.name);
    std::vector<std::string> options = after.defaults;  // `add server` knows nothing of default-server
    options.insert(options.end(), server.options.begin(), server.options.end());
    const bool checked = std::find(options.begin(), options.end(), "check") != options.end();
    out.push_back(command(
        cat("add server ", place, " ", hostPort(server.state.backend), options.empty() ? "" : " ", join(options, " "),
            " weight ", server.state.weight, one.write && !server.state.writer ? " backup" : ""),
        "New server registered"));
    if (checked) {
      out.push_back(command(cat("enable health ", place)));
    }
    out.push_back(command(cat("enable server ", place)));
  }
};

}  // namespace

const Dialect& haproxyDialect() {
  static const HaProxy dialect;
  return dialect;
}

}  // namespace slipway::traffic
