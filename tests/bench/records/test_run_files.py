from bench.records.run_files import RunFiles


def test_a_run_is_found_by_its_folder_and_by_its_test_trace(tmp_path):
    files = RunFiles(tmp_path)
    assert RunFiles.at(tmp_path) == RunFiles.at(files.test) == files
    assert RunFiles.at(files.calibration) is None
    assert RunFiles.at(tmp_path / "other.csv") is None


def test_every_file_has_a_place_of_its_own_in_the_folder(tmp_path):
    names = [name for name, value in vars(RunFiles).items() if isinstance(value, property)]
    paths = {getattr(RunFiles(tmp_path), name) for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path}
