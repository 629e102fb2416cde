#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "reconciler/base/status.h"
#include "reconciler/source/file_io.h"

namespace slipway::source {

// One file or link below a root, with what tells whether it was changed since.
struct WalkEntry {
  std::string path;
  bool isLink = false;
  struct stat info {};
  bool sameAs(const WalkEntry& other) const;
};

// Gets each entry with its directory's descriptor and the entry's name in it.
using WalkVisitor = std::function<Status(const WalkEntry& entry, int directory, const std::string& name)>;

// Visits every file and link below the root, in order of names, following no link. Directories named .git and what
// `exclude` matches are left out. Invalid for sockets, devices and pipes; Denied for what may not be read. An entry
// that vanishes during the walk is passed over: comparing two walks shows it.
Status walkDirectory(const Fd& root, const std::vector<std::string>& exclude, const WalkVisitor& visit);

// `*` stands for any characters but '/'. Takes time in the product of the lengths at most.
bool globMatches(std::string_view pattern, std::string_view text);

// Whether a path below the source's root is left out: a pattern with a '/' is compared with the whole path, another
// with the last name. ".git" always is.
bool isExcluded(const std::vector<std::string>& patterns, std::string_view path);

}  // namespace slipway::source
