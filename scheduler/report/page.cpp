#include "scheduler/report/page.h"

#include <fmt/format.h>

#include "scheduler/report/html.h"
#include "scheduler/report/sections.h"
#include "scheduler/report/style.h"

namespace paceline::report {

namespace {

// The policy forbids what the page has no need of, whatever stands in it.
constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; script-src &#39;unsafe-inline&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="generator" content="paceline"/>
)";

constexpr std::string_view navigation =
    R"(<nav><a href="#overview">Overview</a><a href="#finalists">Finalists</a>)"
    R"(<a href="#instructions">Instructions</a><a href="#memory">Memory</a>)"
    R"(<a href="#search">Search</a></nav>
)";

}  // namespace

std::string to_html(const PathReport& report) {
  const std::string title = escaped(report.title);
  std::string page(head);
  page += fmt::format("<title>{} · Paceline</title>\n<style>{}</style>\n</head>\n<body>\n", title,
                      page_style);
  page += fmt::format("<header><h1>{}</h1>\n{}</header>\n<main>\n", title, navigation);
  page += overview_section(report);
  page += finalists_section(report);
  page += instructions_section(report);
  page += memory_section(report);
  page += search_section(report);
  page += fmt::format("</main>\n<script>{}</script>\n</body>\n</html>\n", page_script);
  return page;
}

}  // namespace paceline::report
