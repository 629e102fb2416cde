#include <algorithm>
#include <charconv>
#include <set>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "tests/sim/host/host_script.h"

namespace slipway::sim {

// --- links -----------------------------------------------------------------------------------------------------------

std::string HostScript::linkFile(const std::string& name) const {
  return name.starts_with('@') ? cat("current-", request_.environment, "-", name.substr(1))
                               : cat(name, "-", request_.environment);
}

std::string HostScript::liveSlot() const {
  const std::string text = host_.files().read(state_ + "/slot").value_or("");
  return text.substr(0, text.find('\n'));
}

bool HostScript::setLiveSlot(const std::string& slot) {
  return liveSlot() == slot || (host_.files().write(state_ + "/slot.new", slot + "\n") &&
                                host_.files().rename(state_ + "/slot.new", state_ + "/slot"));
}

void HostScript::sayLiveSlot() {
  if (const std::string live = liveSlot(); !live.empty()) {
    say(cat("slot ", live));
  }
}

std::string HostScript::rawLink(const std::string& name) const {
  const std::string& raw = link(name);
  return raw.empty() ? "-" : raw;
}

std::string HostScript::idOf(const std::string& raw) const {
  const std::string below = cat("releases/", request_.environment, "/");
  if (!raw.starts_with(below) || raw.size() == below.size() || raw.find('/', below.size()) != std::string::npos) {
    return "-";
  }
  return raw.substr(below.size());
}

bool HostScript::refuseForeign() {
  for (const char* name : {"current", "previous", "@blue", "@green"}) {
    const std::string path = cat(request_.root, "/", linkFile(name));
    if (host_.files().look(path) != nullptr && !host_.files().isLink(path)) {
      refuse("Conflict", cat(path, " is not a symbolic link: move it away, it is never deleted"));
      return true;
    }
  }
  return false;
}

bool HostScript::placeLink(const std::string& name) {
  const std::string path = cat(request_.root, "/", linkFile(name));
  const std::string from = link(name);
  if (!host_.files().rename(cat(request_.root, "/.", linkFile(name), ".next"), path)) {
    return false;
  }
  if (name == "current") {
    host_.observer().linkMoved(host_, *this, from, link(name));
  }
  return true;
}

bool HostScript::restoreLink(const std::string& raw, const std::string& name) {
  if (rawLink(name) == raw) {
    return true;
  }
  const std::string path = cat(request_.root, "/", linkFile(name));
  if (raw == "-") {
    const std::string from = link(name);
    const bool removed = host_.files().remove(path);
    if (removed && name == "current") {
      host_.observer().linkMoved(host_, *this, from, "");
    }
    return removed;
  }
  const std::string next = cat(request_.root, "/.", linkFile(name), ".next");
  host_.files().remove(next);
  return host_.files().makeLink(raw, next) && placeLink(name);
}

bool HostScript::journal(const std::string& word, const std::string& current, const std::string& previous) {
  return host_.files().append(
      state_ + "/journal", cat(formatTime(host_.world().wall()), "\t", word, "\t", request_.operation, "\t", release_,
                               "\t", current, "\t", previous, "\n"));
}

std::optional<HostScript::Intent> HostScript::lastIntent(const std::string& release, const std::string& run) const {
  Intent out;
  bool found = false;
  for (const std::string& line : split(host_.files().read(state_ + "/journal").value_or(""), '\n')) {
    const std::vector<std::string> parts = split(line, '\t');
    if (parts.size() < 6 || parts[3] != release || (!run.empty() && !parts[2].starts_with(run + "."))) {
      continue;
    }
    if (parts[1] == "intent") {
      out = {"intent", parts[4], parts[5]};
      found = true;
    } else if (parts[1] == "done") {
      out.state = "done";
    } else if (parts[1] == "cancelled" || parts[1] == "undone") {
      found = false;
    }
  }
  return found ? std::optional(out) : std::nullopt;
}

// --- content ---------------------------------------------------------------------------------------------------------

std::vector<std::string> HostScript::treeLines(const std::string& directory) const {
  std::vector<std::string> lines;
  host_.files().walk(directory, [&](const std::string& path, const Files::Node& node) {
    if (path == "./.slipway-release") {
      return false;
    }
    if (node.type == Files::Node::Type::File) {
      lines.push_back(cat(node.digest(), "  ", path));
      if (node.executable) {
        lines.push_back(cat("executable ", path));
      }
    } else if (node.type == Files::Node::Type::Link) {
      lines.push_back(cat("link ", path, " -> ", node.content));
    }
    return true;
  });
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string HostScript::digestOf(const std::vector<std::string>& lines) const {
  std::string text;
  for (const std::string& line : lines) {
    text.append(line).append("\n");
  }
  return cat("sha256:", sha256Hex(text));
}

std::vector<std::string> HostScript::deliveredLines(const std::string& directory,
                                                    const std::vector<std::string>& lines) const {
  // The manifest: "TYPE SHA256 SIZE PATH"; links are not compared.
  std::set<std::string> names;
  for (const std::string& line : split(host_.files().read(directory + "/.slipway-release/names").value_or(""), '\n')) {
    if (!line.empty() && line[0] != 'l') {
      names.insert("./" + line.substr(line.find(' ', line.find(' ', 2) + 1) + 1));
    }
  }
  std::vector<std::string> out;
  for (const std::string& line : lines) {
    if (line.starts_with("link ")) {
      continue;
    }
    const std::string path = line.starts_with("executable ") ? line.substr(11) : line.substr(line.find(' ') + 2);
    if (names.contains(path)) {
      out.push_back(line);
    }
  }
  return out;
}

std::optional<HostScript::Marker> HostScript::readMarker(const std::string& directory) const {
  const auto text = host_.files().read(directory + "/.slipway-release/ready");
  if (!text) {
    return std::nullopt;
  }
  Marker marker;
  for (const std::string& line : split(*text, '\n')) {
    const std::size_t space = line.find(' ');
    const std::string key = line.substr(0, space);
    const std::string value = space == std::string::npos ? std::string() : line.substr(space + 1);
    if (key == "identity") marker.identity = value;
    if (key == "digest") marker.digest = value;
    if (key == "delivered") marker.delivered = value;
    if (key == "artifact") marker.artifact = value;
  }
  return marker.digest.empty() ? std::nullopt : std::optional(marker);
}

bool HostScript::treeIntact(const std::string& directory, const Marker& marker) const {
  const std::vector<std::string> lines = treeLines(directory);
  if (digestOf(lines) == marker.digest) {
    return true;
  }
  return host_.files().exists(directory + "/.slipway-release/touched") &&
         digestOf(deliveredLines(directory, lines)) == marker.delivered;
}

bool HostScript::writeMarker() {
  Files& files = host_.files();
  const std::string inside = releaseDir() + "/.slipway-release";
  const std::vector<std::string> lines = treeLines(releaseDir());
  digest_ = digestOf(lines);
  const std::string delivered = digestOf(deliveredLines(releaseDir(), lines));
  return files.write(inside + "/ready.new", cat("identity ", identity_, "\ndigest ", digest_, "\ndelivered ", delivered,
                                                "\nartifact ", artifact_, "\n")) &&
         files.rename(inside + "/ready.new", inside + "/ready");
}

void HostScript::touchRelease() { host_.files().write(releaseDir() + "/.slipway-release/touched", ""); }

// Renamed first, so that a crash leaves nothing that looks whole.
bool HostScript::discard(const std::string& directory) {
  const std::string name = directory.substr(directory.rfind('/') + 1);
  host_.observer().releaseRemoved(host_, *this, name);
  const std::string trash =
      cat(request_.root, "/releases/", request_.environment, "/.trash-", name, ".", host_.newPid());
  return host_.files().rename(directory, trash) && host_.files().remove(trash);
}

// --- the archive -----------------------------------------------------------------------------------------------------

std::vector<TarEntry> readTar(std::string_view archive) {
  constexpr std::size_t kBlock = 512;
  std::vector<TarEntry> out;
  const auto text = [&](std::size_t from, std::size_t size) {
    const std::string_view piece = archive.substr(from, size);
    return std::string(piece.substr(0, piece.find('\0')));
  };
  for (std::size_t at = 0; at + kBlock <= archive.size();) {
    if (archive[at] == '\0') {
      break;
    }
    TarEntry entry;
    entry.path = text(at, 100);
    if (const std::string prefix = text(at + 345, 155); !prefix.empty()) {
      entry.path = cat(prefix, "/", entry.path);
    }
    std::uint64_t size = 0;
    std::uint64_t mode = 0;
    const std::string sizeText = text(at + 124, 12);
    const std::string modeText = text(at + 100, 8);
    std::from_chars(sizeText.data(), sizeText.data() + sizeText.size(), size, 8);
    std::from_chars(modeText.data(), modeText.data() + modeText.size(), mode, 8);
    const char type = archive[at + 156];
    at += kBlock;
    if (at + size > archive.size()) {
      break;
    }
    entry.link = type == '2';
    entry.directory = type == '5';
    entry.executable = (mode & 0100U) != 0;
    entry.content = entry.link ? text(at - kBlock + 157, 100) : std::string(archive.substr(at, size));
    at += (size + kBlock - 1) / kBlock * kBlock;
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace slipway::sim
