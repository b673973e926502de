"""Downloads targets with python-tuf: URL TIME ROOT DIRECTORY NAME…, each to a file named by its number."""

import datetime
import os
import sys

from tuf.ngclient import Updater

url, now, root, directory, *names = sys.argv[1:]
with open(root, "rb") as file:
    bootstrap = file.read()
metadata = os.path.join(directory, "metadata")
os.mkdir(metadata)
updater = Updater(metadata, f"{url}metadata/", directory, f"{url}targets/", bootstrap=bootstrap)
updater._trusted_set.reference_time = datetime.datetime.fromisoformat(now.replace("Z", "+00:00"))
updater.refresh()
for number, name in enumerate(names):
    target = updater.get_targetinfo(name)
    if target is None:
        sys.exit(f"there is no {name}")
    updater.download_target(target, os.path.join(directory, str(number)))
