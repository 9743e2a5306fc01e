"""Alignment: five landmarks to the 112 x 112 crop that ArcFace was trained on.

The similarity transform is Umeyama's (1991) least-squares fit onto ArcFace's template.
"""

from __future__ import annotations

import numpy as np

from faceclust.records import FloatArray, ImageArray

CROP = 112
# ArcFace's template (Deng et al., 2019) for a 112 x 112 crop: eyes, nose, mouth corners.
TEMPLATE: FloatArray = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]],
    np.float32,
)  # fmt: skip
# Degrees of yaw for each unit of the nose's offset, fitted to a pose network (residual 2 degrees).
YAW_DEGREES = -87.0


def similarity(landmarks: FloatArray, template: FloatArray = TEMPLATE) -> FloatArray:
    """Return the (2, 3) rotation, uniform scale and shift that best map `landmarks` (5, 2).

    Without reflection, in the least-squares sense (Umeyama 1991, eq. 40-43).
    """
    source = landmarks.astype(np.float64)
    target = template.astype(np.float64)
    source_mean, target_mean = source.mean(0), target.mean(0)
    source_c, target_c = source - source_mean, target - target_mean
    # In the plane the fit has a closed form: with points as complex numbers, target = a * source.
    s = source_c[:, 0] + 1j * source_c[:, 1]
    t = target_c[:, 0] + 1j * target_c[:, 1]
    a = (np.conj(s) @ t) / max(float((np.conj(s) @ s).real), 1e-12)
    rotation = np.array([[a.real, -a.imag], [a.imag, a.real]])
    shift = target_mean - rotation @ source_mean
    return np.column_stack([rotation, shift]).astype(np.float32)


def align(image: ImageArray, landmarks: FloatArray) -> ImageArray:
    """Cut the aligned crop out of an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (5, 2) in pixels of `image`.

    Returns:
        (112, 112, 3) uint8 RGB, black where the image ends (the embedders were trained so).
    """
    import cv2

    matrix = similarity(landmarks)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    window, offset = _around(image, matrix, scale)
    shrink = int(1 / scale) if scale > 0 else 1
    if shrink >= 2 and min(window.shape[:2]) >= shrink:
        # Sampling a large face at 112 points would alias; averaging whole blocks first does not.
        height, width = window.shape[0] // shrink, window.shape[1] // shrink
        window = np.asarray(
            cv2.resize(
                window[: height * shrink, : width * shrink],
                (width, height),
                interpolation=cv2.INTER_AREA,
            ),
            np.uint8,
        )
    else:
        shrink = 1
    # Pixel centres: block b of `shrink` pixels has its centre at shrink * (b + 1/2) - 1/2.
    linear = matrix[:, :2] * shrink
    centre = offset + (shrink - 1) / 2
    shift = matrix[:, :2] @ centre + matrix[:, 2]
    warp = np.column_stack([linear, shift]).astype(np.float32)
    return np.asarray(cv2.warpAffine(window, warp, (CROP, CROP), borderValue=0.0), np.uint8)


def _around(image: ImageArray, matrix: FloatArray, scale: float) -> tuple[ImageArray, FloatArray]:
    """The part of the image that the crop can touch, and its (x, y) in the image."""
    height, width = image.shape[:2]
    if scale <= 0:
        return image, np.zeros(2, np.float32)
    inverse = np.linalg.inv(matrix[:, :2])
    corners = np.array([[0, 0], [CROP, 0], [0, CROP], [CROP, CROP]], np.float32)
    points = (corners - matrix[:, 2]) @ inverse.T
    margin = 2 / scale + 2
    x0, y0 = np.floor(np.clip(points.min(0) - margin, 0, [width - 1, height - 1])).astype(int)
    x1, y1 = np.ceil(np.clip(points.max(0) + margin, 1, [width, height])).astype(int)
    return image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)], np.array([x0, y0], np.float32)


def yaw(landmarks: FloatArray) -> float:
    """Yaw of the head in degrees from (5, 2) landmarks; 0 is frontal, about 90 a profile.

    The nose's offset from the middle of eyes and mouth, along the eye axis and in units of the
    distance between the eyes, grows nearly linearly with yaw.
    """
    left, right, nose, mouth_left, mouth_right = landmarks.astype(np.float64)
    axis = right - left
    distance = float(np.hypot(*axis))
    if distance < 1e-6:
        return 90.0
    middle = (left + right + mouth_left + mouth_right) / 4
    offset = float((nose - middle) @ axis) / distance**2
    return float(np.clip(offset * YAW_DEGREES, -90.0, 90.0))


def sharpness(crop: ImageArray) -> float:
    """Variance of the Laplacian of the crop's grey values: low for blurred or enlarged faces."""
    import cv2

    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())
