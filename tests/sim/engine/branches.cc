#include "tests/sim/engine/branches.h"

#include <algorithm>
#include <ctime>
#include <string>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/base/strings.h"

namespace slipway::sim {

void writeAll(int fd, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t wrote = ::write(fd, text.data() + at, text.size() - at);
    if (wrote <= 0) {
      return;
    }
    at += static_cast<std::size_t>(wrote);
  }
}

bool readTotals(int fd, int child, Totals& totals) {
  std::string text;
  char buffer[65536];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(fd);
  int status = 0;
  ::waitpid(child, &status, 0);
  const Result<Json> json = parseJson(text);
  if (!json || status != 0) {
    return false;
  }
  totals.add(totalsFromJson(*json));
  return true;
}

void playBranches(const Trunk& trunk, const Ways& ways, Totals& totals) {
  int tell = -1;  // where a copy tells what became of it
  Branch rest;
  const auto ask = [&](const FaultFiring& firing, const World& world) {
    for (Branch& way : tell < 0 ? ways(firing, world) : std::vector<Branch>()) {
      int ends[2];
      if (::pipe(ends) != 0) {
        return false;
      }
      const pid_t child = ::fork();
      if (child == 0) {
        ::close(ends[0]);
        tell = ends[1];
        rest = std::move(way);
        return true;
      }
      ::close(ends[1]);
      if (!readTotals(ends[0], child, totals)) {
        totals.found.push_back(
            {"branch", std::string(trunk.scenario.name), 0, 0, "", "the process ended early", toText({firing})});
      }
    }
    // What strikes later in this copy.
    return tell >= 0 && std::find(rest.begin(), rest.end(), firing) != rest.end();
  };
  Outcome outcome = playScenario(trunk.shelf, trunk.scenario, {}, {}, ask);
  if (tell >= 0) {
    Totals mine = trunk.judge(std::move(outcome));
    mine.cpuSeconds = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    writeAll(tell, toJson(mine).dump());
    ::_exit(0);
  }
}

}  // namespace slipway::sim
