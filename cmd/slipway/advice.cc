#include "cmd/slipway/advice.h"

#include "reconciler/api/release.h"
#include "reconciler/planner/cluster/quorum.h"
#include "reconciler/schema/yaml.h"

namespace slipway::cli {
namespace {

bool mayReachSeveralServers(const ReleaseSpec& spec) {
  return spec.destinations.size() != 1 || spec.destinations.front().servers.size() != 1;
}

std::size_t lineOf(const schema::YamlDocument& document, const std::string& field) {
  auto found = document.positions.find(field);
  return found == document.positions.end() ? document.line : found->second.line;
}

// The servers that the Release names one by one; 0: only its destinations know.
std::size_t namedServers(const ReleaseSpec& spec) {
  std::size_t count = 0;
  for (const DestinationRef& ref : spec.destinations) {
    if (ref.servers.empty()) {
      return 0;
    }
    count += ref.servers.size();
  }
  return count;
}

}  // namespace

std::vector<schema::LintFinding> adviseOn(std::string_view fileName, std::string_view text) {
  std::vector<schema::LintFinding> out;
  Result<std::vector<schema::YamlDocument>> documents = schema::parseYaml(text);
  if (!documents) {
    return out;
  }
  for (const schema::YamlDocument& document : *documents) {
    if (document.value.getString("kind") != kRelease.kind) {
      continue;
    }
    Result<Release> release = releaseFromJson(document.value);
    if (!release) {
      continue;
    }
    const Layout& layout = release->spec.layout;
    const bool shares = !layout.sharedDirectories.empty() || !layout.sharedFiles.empty();
    if (shares && mayReachSeveralServers(release->spec)) {
      out.push_back({std::string(fileName), lineOf(document, "spec.layout.shared"), "spec.layout.shared",
                     "shared paths are shared by the releases of one server, not by servers: sessions, uploads and "
                     "databases must be kept where every server sees them"});
    }
    const bool allVote = release->spec.cluster.has_value() && release->spec.cluster->memberLabels.empty();
    const std::size_t members = allVote ? namedServers(release->spec) : 0;
    if (const std::string warning = members > 0 ? planner::sizeWarning(members) : ""; !warning.empty()) {
      out.push_back({std::string(fileName), lineOf(document, "spec.cluster"), "spec.cluster", warning});
    }
  }
  return out;
}

}  // namespace slipway::cli
