# SPDX-License-Identifier: Apache-2.0

"""strftime_now() is local time, as transformers has it (datetime.now()): with UTC a user in Korea is
told yesterday's date until nine in the morning. (github/copilot-cli issue 1903.)"""
import datetime
import os

import case
import chat

HOURS = "{% set h = strftime_now('%H')|int %}{{ 'x' * (h + 1) }}"
DAYS = "{{ 'x' * (strftime_now('%d %b %Y').split(' ')[0] | int(0, 10)) }}"


def count(model, zone):
    return case.run("run", model, "-p", "Hi", *chat.ANSWER, env={"TZ": zone}).json.get(
        "prompt_tokens")


def local(field, hours):
    """What the templates write `hours` ahead of UTC."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    return getattr(now, field) + (1 if field == "hour" else 0)


def check(model, field, zone, hours):
    before = local(field, hours)
    found = count(model, zone)
    case.check(found in (before, local(field, hours)), f"{zone}: {found}, not {before}")


with case.folder():
    chat.model_with(HOURS, "hours.gguf")
    check("hours.gguf", "hour", "UTC", 0)
    check("hours.gguf", "hour", "KST-9", 9)
    if os.path.exists("/usr/share/zoneinfo/Asia/Seoul"):
        check("hours.gguf", "hour", "Asia/Seoul", 9)

    # The same moment on two days: the zones are 26 hours apart. In a folder's template.
    chat.folder_model("days", {"chat_template.jinja": DAYS})
    check("days", "day", "AAA-14", 14)
    check("days", "day", "BBB+12", -12)
case.end()
