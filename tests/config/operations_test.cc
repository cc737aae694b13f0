// docs/operations.md explains every drop reason, in the words and order of dataplane/drop_reason.h.

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "dataplane/drop_reason.h"

namespace noisegate::dataplane {
namespace {

std::vector<std::string> Lines() {
  std::ifstream file(NOISEGATE_SOURCE_DIR "/docs/operations.md");
  EXPECT_TRUE(file.good());
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST(Operations, ExplainsEveryDropReason) {
  std::vector<std::string> rows;
  bool inside = false;
  for (const std::string& line : Lines()) {
    if (line.starts_with("## ")) inside = line == "## Drop reasons";
    if (inside && line.starts_with("| `")) rows.push_back(line);
  }
  ASSERT_EQ(rows.size(), kNumDropReasons);
  for (size_t i = 0; i < rows.size(); ++i) {
    const DropReasonText& reason = kDropReasonTexts[i];
    const std::string start =
        "| `" + std::string(reason.name) + "` | " + std::string(reason.meaning) + " | ";
    EXPECT_TRUE(rows[i].starts_with(start)) << rows[i] << "\nwants " << start;
    EXPECT_GT(rows[i].size(), start.size() + 8) << "no advice: " << rows[i];
  }
}

}  // namespace
}  // namespace noisegate::dataplane
