import numpy as np
import pytest
from hpi_runtime import ops
from hpi_runtime.ops import crop_lines, doc_result, ocr_result, rotate_page, sort_boxes, turn_lines


def box(left: int, top: int, width: int = 50, height: int = 20) -> list[list[int]]:
    return [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]


def test_boxes_are_read_line_by_line() -> None:
    polys = np.array([box(200, 105), box(10, 300), box(10, 100), box(100, 103)], np.int16)
    sorted_ = sort_boxes.run({"polys": polys, "scores": [1, 2, 3, 4]}, {})
    assert [poly[0].tolist() for poly in sorted_["polys"]] == [[10, 100], [100, 103], [200, 105], [10, 300]]
    assert sorted_["scores"] == [3, 4, 1, 2]


def test_no_boxes_stay_no_boxes() -> None:
    empty = np.empty((0, 4, 2), np.int16)
    assert len(sort_boxes.run({"polys": empty, "scores": []}, {})["polys"]) == 0
    assert crop_lines.run({"polys": empty, "image": np.zeros((9, 9, 3), np.uint8)}, {})["crops"] == []


def test_a_crop_is_what_is_in_the_box() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[20:40, 50:120] = 200
    crops = crop_lines.run({"image": image, "polys": np.array([box(50, 20, 70, 20)], np.int16)}, {})["crops"]
    assert crops[0].shape == (20, 70, 3)
    assert crops[0][2:-2, 2:-2].min() > 190


def test_a_tall_box_is_laid_on_its_side() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[20:60, 50:70] = (255, 0, 0)
    image[60:120, 50:70] = (0, 0, 255)
    (crop,) = crop_lines.run({"image": image, "polys": np.array([box(50, 20, 20, 100)], np.int16)}, {})["crops"]
    assert crop.shape == (20, 100, 3)
    # Counter-clockwise: what was at the top is now on the left.
    assert crop[10, 10].tolist() == [255, 0, 0]
    assert crop[10, 90].tolist() == [0, 0, 255]


def test_boxes_without_area_are_dropped_with_their_polygons() -> None:
    polys = np.array([box(5, 5, 0, 0), box(5, 5, 30, 10)], np.int16)
    out = crop_lines.run({"image": np.zeros((50, 50, 3), np.uint8), "polys": polys}, {})
    assert len(out["crops"]) == len(out["polys"]) == 1


def test_lines_that_are_upside_down_are_turned() -> None:
    line = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    inputs = {"class_ids": [[0], [1], [1]], "crops": [line] * 3, "scores": [[0.99], [0.95], [0.85]]}
    kept, turned, doubtful = turn_lines.run(inputs, {"score_thresh": 0.9})["crops"]
    assert kept is line
    assert doubtful is line
    assert np.array_equal(turned, line[::-1, ::-1])


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_a_page_is_turned_back_exactly(quarter: int) -> None:
    page = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    seen = np.ascontiguousarray(np.rot90(page, -quarter))
    out = rotate_page.run({"image": seen, "label_names": [str(quarter * 90)]}, {})
    assert out["angle"] == quarter * 90
    assert np.array_equal(out["image"], page)


def test_lines_below_the_threshold_are_left_out_of_the_text_but_not_of_the_boxes() -> None:
    params = {
        "score_thresh": 0.5,
        "text_det_params": {},
        "text_type": "general",
        "use_doc_preprocessor": False,
        "use_textline_orientation": True,
    }
    inputs = {
        "polys": np.array([box(1, 2), box(3, 40)], np.int16),
        "texts": ["good", "bad"],
        "scores": [0.9, 0.1],
        "angles": [[0, 1], [1, 0]],
    }
    result = ocr_result.run(inputs, params)["result"]
    assert result["rec_texts"] == ["good"]
    assert result["rec_boxes"] == [[1, 2, 51, 22]]
    assert len(result["dt_polys"]) == 2
    assert result["textline_orientation_angles"] == [0, 1]
    assert "doc_preprocessor_res" not in result


def test_an_angle_that_nobody_asked_for_is_minus_one() -> None:
    assert doc_result.run({}, {"use_doc_unwarping": False})["result"]["angle"] == -1


def test_there_is_no_operation_of_another_name() -> None:
    assert ops.find("no_such_thing") is None
    assert ops.find("../os") is None
