"""The ``localcat`` command: the library's verbs, asked from a shell.

A command does nothing of its own: it reads its words, calls the library, and prints what comes back. The module of a
command is imported when the command is called, since a shell asks for ``--version`` and completions all the time.
"""

from __future__ import annotations

from localcat.cli.door import Shell, at_the_end

COMMANDS = {  # by what they are for: each command, the module that has it, and what it does in a few words
    "Looking": {
        "info": ("looking", "What the catalog is, where, and how much it holds."),
        "ls": ("looking", "List products, bands, images or uploads."),
        "show": ("looking", "All that is known of an object."),
        "sql": ("looking", "Answer a SELECT of your own."),
        "serve": ("serving", "Show it in a browser, and to programs that speak STAC."),
    },
    "Searching": {
        "search": ("searching", "Find images by product, time, place, attributes."),
        "summary": ("searching", "Count images and bytes, by product or by time."),
        "explain": ("searching", "Why a search finds what it finds."),
        "freeze": ("searching", "Keep a search and its answer under a name."),
        "frozen": ("searching", "What was frozen, and what changed since."),
    },
    "Taking in": {
        "init": ("taking_in", "Make a new catalog."),
        "ingest": ("ingesting", "Take in folders of scenes."),
        "recipes": ("ingesting", "How scenes are recognised."),
        "upload": ("taking_in", "Bring files in as one image."),
        "import": ("importing", "Take in STAC and other catalogs."),
        "index": ("importing", "Make a catalog over Items that others keep."),
        "diff": ("taking_in", "In what another catalog differs."),
        "merge": ("taking_in", "Take in another catalog."),
    },
    "Reading out": {
        "read": ("reading_out", "Write images to files, whole or cut to an area."),
        "mosaic": ("reading_out", "Write many images as one file."),
        "preview": ("reading_out", "Write small pictures."),
        "export": ("exporting", "Write STAC, GeoJSON, CSV, QGIS, HTML and others."),
    },
    "Changing": {
        "set": ("changing", "Set attributes."),
        "tag": ("changing", "Add and remove tags."),
        "delete": ("changing", "Delete images, bands and products."),
        "history": ("changing", "What was changed and deleted, and when."),
        "keep-history": ("changing", "Set how much of its past the catalog keeps."),
        "forget-history": ("changing", "Forget what was changed before a time."),
        "undo": ("changing", "Make objects what they were before a change."),
    },
    "Keeping": {
        "verify": ("keeping", "Look for faults."),
        "backup": ("keeping", "Copy the catalog, file and folder."),
        "gc": ("keeping", "Clear away files that no image refers to."),
        "optimize": ("keeping", "Give free room back to the disk."),
        "relocate": ("keeping", "Say where files indexed in place are now."),
        "reindex": ("keeping", "Rebuild the indexes from the rows."),
        "recover": ("keeping", "Save what can be read of a damaged catalog."),
        "doctor": ("keeping", "Look at the machine and the disk."),
    },
    "Taking along": {
        "bundle": ("travelling", "Pack images and pixels into one archive."),
        "unpack": ("travelling", "Unpack such an archive."),
    },
    "More": {
        "demo": ("more", "Show the whole flow."),
        "completion": ("more", "Let the shell complete what you type."),
    },
}

cli = Shell(
    COMMANDS,
    name="localcat",
    help="Keep satellite images in one file and one folder, with no network and no server.\n\n"
    "The catalog is that of --catalog, else of $LOCALCAT, else the one .gpkg of localcat in the current folder, else "
    "your own in your home folder, if you have one. 'localcat COMMAND --help' tells about one command.",
)


def main() -> None:
    """Run the command as a program: its exit status is 0, 1 error, 2 usage, 3 damage found, 130 Ctrl-C."""
    with at_the_end():
        cli.main(prog_name="localcat")
