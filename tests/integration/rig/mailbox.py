# SPDX-License-Identifier: BSD-2-Clause
"""What a mail server has delivered: a folder with a file per message."""
import email
import email.policy
import glob
import os
import re

from rig.wait import until


class Delivered:
    """A delivered message: its bytes, and parsed."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.raw = file.read()
        self.message = email.message_from_bytes(
            self.raw, policy=email.policy.compat32)

    def all(self, name):
        """Every field of that name, unfolded, from the top."""
        return [re.sub(r"\r?\n[ \t]+", " ", str(value))
                for value in self.message.get_all(name, [])]

    @property
    def names(self):
        return [name for name, _ in self.message.items()]

    @property
    def queue_id(self):
        match = re.search(r"\bid (\w+)", self.all("Received")[0])
        return match.group(1)


class Mailbox:
    """Of a server whose attribute `box` is that folder."""

    def delivered(self):
        """Every message delivered so far, oldest first."""
        paths = glob.glob(os.path.join(self.box, "*"))
        return [Delivered(p) for p in sorted(paths, key=os.path.getmtime)]

    def wait_delivered(self, subject):
        """The delivered message with that Subject."""
        return until(
            lambda: next((m for m in self.delivered()
                          if m.message["Subject"] == subject), None),
            "delivery of %r" % subject)
