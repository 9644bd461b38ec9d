import subprocess
import sys


def test_expressions_need_the_standard_library_and_three_lower_modules_only():
    program = (
        "import sys, localcat; before = set(sys.modules); import localcat.expressions.properties; "
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    loaded = result.stdout.split()
    ours = {name for name in loaded if name.startswith("localcat.") and not name.startswith("localcat.expressions")}
    assert ours <= {"localcat.errors", "localcat.json_text", "localcat.timestamps"}
    assert {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names <= {"localcat"}
