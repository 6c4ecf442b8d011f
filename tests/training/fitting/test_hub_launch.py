"""Several devices: the files for accelerate and Ray are what those read, and a step in processes of its own is followed and stopped."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError, SettingsError
from tests.training.fitting import tiny
from training.fitting import launch
from training.fitting.values import Fit, Point

pytestmark = pytest.mark.model


@pytest.mark.parametrize("name", ["fsdp", "fsdp-machines", "zero3"])
def test_accelerate_reads_its_configurations(name: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.utils import FullyShardedDataParallelPlugin

    config = load_config_from_file(str(launch.LAUNCH / f"{name}.yaml"))
    assert config.mixed_precision == "bf16" and config.num_processes == 8 * config.num_machines
    if name == "zero3":
        assert config.deepspeed_config["zero_stage"] == 3 and config.deepspeed_config["zero3_save_16bit_model"]
        return
    assert (config.distributed_type.value, config.num_machines) == ("FSDP", 2 if name == "fsdp-machines" else 1)
    given = {key.removeprefix("fsdp_"): value for key, value in config.fsdp_config.items()}
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=given["version"], auto_wrap_policy=given["auto_wrap_policy"].lower(), state_dict_type=given["state_dict_type"],
        reshard_after_forward=given["reshard_after_forward"],
    )  # fmt: skip
    assert plugin.fsdp_version == 2 and plugin.state_dict_type.name == "FULL_STATE_DICT"


def test_several_machines_differ_from_one_in_nothing_else() -> None:
    one, two = (yaml.safe_load((launch.LAUNCH / f"{name}.yaml").read_text()) for name in ("fsdp", "fsdp-machines"))
    assert {key for key in one | two if one.get(key) != two.get(key)} == {
        "num_machines", "num_processes", "main_process_ip", "main_process_port",
    }  # fmt: skip


def test_ray_takes_the_job() -> None:
    common = pytest.importorskip("ray.dashboard.modules.job.common")
    given = json.loads((launch.LAUNCH / "ray-job.json").read_text())
    asked = common.JobSubmitRequest(**given)
    assert asked.entrypoint.startswith("python -m training loop reasonrank-7b") and asked.entrypoint_num_gpus == 8


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    version = tiny.make_version(tmp_path / "v", "sft", 2)
    (tmp_path / "scratch").mkdir()
    return tiny.make_fit(tmp_path, tiny.recipe(), version, tmp_path)


def test_one_process_is_enough_for_one_device(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "devices", lambda: 1)
    assert launch.several(fit, "sft") is None
    monkeypatch.setattr(launch, "devices", lambda: 8)
    monkeypatch.setenv("RANK", "3")  # this is one of the processes
    assert launch.several(fit, "sft") is None


def test_the_command_names_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = launch.command(tmp_path / "launch.json", 4)
    assert words[words.index("--num_processes") + 1] == "4" and words[words.index("--config_file") + 1].endswith("fsdp.yaml")
    assert words[-3:] == ["-m", "training.fitting.launched", str(tmp_path / "launch.json")]
    monkeypatch.setenv(launch.CONFIG, str(launch.LAUNCH / "fsdp-machines.yaml"))
    assert "--num_processes" not in launch.command(tmp_path / "launch.json", 4)
    monkeypatch.setenv(launch.CONFIG, str(tmp_path / "none.yaml"))
    with pytest.raises(SettingsError, match="names 'none.yaml', which is no file"):
        launch.command(tmp_path / "launch.json", 4)


def test_an_order_is_the_fit_again(fit: Fit) -> None:
    again, stage = launch.of_order(json.loads(json.dumps(launch.as_order(fit, "rl"))))
    assert (again.base, again.out, again.scratch, again.seed, stage) == (fit.base, fit.out, fit.scratch, 3, "rl")
    assert again.version.id == fit.version.id and again.recipe.name == "tiny"


def pretend(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """What accelerate would start is this Python text; `scratch` is its folder."""
    before = "import json, sys, time\nfrom pathlib import Path\nscratch = Path(sys.argv[1]).parent\n"
    monkeypatch.setattr(launch, "devices", lambda: 2)
    monkeypatch.setattr(launch, "_TICK", 0.05)
    monkeypatch.setattr(launch, "command", lambda order, processes: [sys.executable, "-c", before + body, str(order)])


POINTS = """
for step in (1, 2):
    with (scratch / "curves.jsonl").open("a") as file:
        file.write(json.dumps({"stage": "sft", "step": step, "steps": 4, "values": {"loss": 1.0}}) + "\\n")
"""


@pytest.mark.process
def test_points_and_result_come_back(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = {"rows": 2, "refused": {}, "steps": 4, "seconds": 1.0, "facts": {"processes": 2}}
    pretend(monkeypatch, POINTS + f"(scratch / 'launched.json').write_text(json.dumps({{'fitted': {fitted!r}}}))")
    told: list[Point] = []
    shares: list[float] = []
    done = launch.several(replace(fit, point=told.append, watch=Watch(progress=shares.append)), "sft")
    assert done is not None and (done.rows, done.facts) == (2, {"processes": 2})
    assert [one.step for one in told] == [1, 2] and shares[-1] == 0.5


@pytest.mark.process
def test_what_went_wrong_there_is_said_here(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "(scratch / 'launched.json').write_text(json.dumps({'error': 'no row can be used'}))")
    with pytest.raises(InputError, match="no row can be used"):
        launch.several(fit, "sft")
    pretend(monkeypatch, "print('CUDA out of memory'); sys.exit(1)")
    with pytest.raises(SettingsError, match=r"ended without a result \(CUDA out of memory\): read launch.log"):
        launch.several(fit, "sft")


@pytest.mark.process
def test_a_stop_ends_all_processes(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    child = "import subprocess\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    pretend(monkeypatch, child + "(scratch / 'child').write_text(str(child.pid))\n" + POINTS + "time.sleep(600)")
    told: list[Point] = []
    with pytest.raises(Cancelled):
        launch.several(replace(fit, point=told.append, watch=Watch(cancelled=lambda: bool(told))), "sft")
    pid = (fit.scratch / "child").read_text()
    for _ in range(100):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().split(")")[1].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("a process that the step started is still there")


@pytest.mark.process
def test_the_entry_leaves_what_came_of_it(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.fitting import launched

    order = fit.scratch / "launch.json"
    order.write_text(json.dumps(launch.as_order(fit, "sft")))
    launched.main(order)
    assert "has no [sft]" in json.loads((fit.scratch / "launched.json").read_text())["error"]
