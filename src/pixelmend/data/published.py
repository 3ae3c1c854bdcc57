"""The published sets: names, tasks, counts, and how their files are called as they unpack.

A count stands with its source. Where copies differ in naming, each naming has its own rule or list of stems.
"""

from __future__ import annotations

from pixelmend.data.layouts import Layout, Rule


def _numbers(first: int, last: int, form: str) -> tuple[str, ...]:
    return tuple(form.format(n) for n in range(first, last + 1))


_SET5 = ("baby", "bird", "butterfly", "head", "woman")
_SET14 = (
    "baboon", "barbara", "bridge", "coastguard", "comic", "face", "flowers", "foreman", "lenna", "man", "monarch",
    "pepper", "ppt3", "zebra",
)  # fmt: skip
_CLASSIC5 = ("baboon", "barbara", "boats", "lena", "peppers")
_LIVE1 = (
    "bikes", "building2", "buildings", "caps", "carnivaldolls", "cemetry", "churchandcapitol", "coinsinfountain",
    "dancers", "flowersonih35", "house", "lighthouse2", "lighthouse3", "manfishing", "monarch", "ocean",
    "paintedhouse", "parrots", "plane", "rapids", "sailing1", "sailing2", "sailing3", "sailing4", "statue", "stream",
    "studentsculpture", "woman", "womanhat",
)  # fmt: skip
# The test pictures of BSDS300 that Roth and Black chose, by their numbers in the Berkeley set.
_BSD68 = (
    "101085", "101087", "102061", "103070", "105025", "106024", "108005", "108070", "108082", "109053", "119082",
    "12084", "123074", "126007", "130026", "134035", "14037", "143090", "145086", "147091", "148026", "148089",
    "157055", "159008", "160068", "16077", "163085", "167062", "167083", "170057", "175032", "175043", "182053",
    "189080", "19021", "196073", "197017", "208001", "210088", "21077", "216081", "219090", "220075", "223061",
    "227092", "229036", "236037", "24077", "241004", "241048", "253027", "253055", "260058", "271035", "285079",
    "291000", "295087", "296007", "296059", "299086", "300091", "302008", "304034", "304074", "306005", "3096",
    "33039", "351093",
)  # fmt: skip
_ANY_OF_68 = rf"(?P<stem>test\d{{3}}|{'|'.join(_BSD68)}|00[0-6]\d)"


def _either(names: tuple[str, ...], rest: str = "") -> str:
    return rf"(?P<stem>{'|'.join(names)}){rest}"


def _srf(first: str) -> tuple[Rule, ...]:
    """Huang and others (CVPR 2015) publish each set as HR and LR beside each other, a folder for each scale."""
    return (
        Rule("clean", rf"{first}image_(?P<variant>SRF_\d)/(?P<stem>img_\d{{3}})_SRF_\d_HR", named=True),
        Rule("degraded", rf"{first}image_(?P<variant>SRF_\d)/(?P<stem>img_\d{{3}})_SRF_\d_LR", named=True),
    )


_FMDD_KIND = r"(?P<scene>(?:Confocal|TwoPhoton|WideField)_[A-Za-z]+(?:_[BGR])?)"
_SUPER, _DENOISE, _DEBLUR, _JPEG = "super-resolution", "denoising", "deblurring", "JPEG artifacts"

_ALL = (
    # E. Agustsson and R. Timofte, NTIRE 2017: 800 for training, 100 for validation (and 100 unpublished).
    Layout(
        "div2k", "DIV2K", _SUPER, "rgb",
        (
            Rule("clean", r"DIV2K_(?P<split>train|valid)_HR/(?P<stem>\d{4})"),
            Rule(
                "degraded",
                r"DIV2K_(?P<split>train|valid)_LR_(?P<variant>\w+(?:/X\d)?)/(?P<stem>\d{4})(?:x\d\w?)?",
            ),
        ),
        {"train": 800, "val": 100},
        {"train": (_numbers(1, 800, "{:04}"),), "val": (_numbers(801, 900, "{:04}"),)},
        variant="bicubic/x2",
    ),
    # B. Lim and others (EDSR), CVPRW 2017: 2,650 photographs.
    Layout(
        "flickr2k", "Flickr2K", _SUPER, "rgb",
        (
            Rule("clean", r"Flickr2K_HR/(?P<stem>\d{6})"),
            Rule("degraded", r"Flickr2K_LR_(?P<variant>\w+(?:/X\d)?)/(?P<stem>\d{6})(?:x\d)?"),
        ),
        {"": 2650}, {"": (_numbers(1, 2650, "{:06}"),)}, variant="bicubic/x2",
    ),
    # P. Arbelaez and others, PAMI 2011: 200 train, 100 val, 200 test; their names are numbers with gaps.
    Layout(
        "bsds500", "BSDS500", _DENOISE, "rgb",
        (Rule("clean", r"BSDS500/data/images/(?P<split>train|val|test)/(?P<stem>\d+)"),),
        {"train": 200, "val": 100, "test": 200}, folders=("bsr",),
    ),
    # D. Martin and others (ICCV 2001); the 68 that S. Roth and M. Black chose (CVPR 2005), as gray and as colour.
    Layout(
        "bsd68", "BSD68", _DENOISE, "gray",
        (Rule("clean", r"(?P<stem>test\d{3})"), Rule("clean", rf"(?:original_png/)?{_ANY_OF_68}", named=True)),
        {"": 68}, {"": (_numbers(1, 68, "test{:03}"), _BSD68, _numbers(0, 67, "{:04}"))},
    ),
    Layout(
        "cbsd68", "CBSD68", _DENOISE, "rgb",
        (Rule("clean", rf"(?:original_png/)?{_ANY_OF_68}", named=True),),
        {"": 68}, {"": (_BSD68, _numbers(0, 67, "{:04}"), _numbers(1, 68, "test{:03}"))},
    ),
    # Kodak's photographs; scores are printed for their 500×500 form (FFDNet and later) or 768×512.
    Layout(
        "kodak24", "Kodak24", _DENOISE, "rgb", (Rule("clean", r"(?P<stem>kodim\d\d)"),),
        {"": 24}, {"": (_numbers(1, 24, "kodim{:02}"),)}, folders=("kodak",),
    ),
    # L. Zhang and others, JEI 2011: 18 pictures 500×500.
    Layout(
        "mcmaster", "McMaster", _DENOISE, "rgb", (Rule("clean", r"(?P<stem>\d{1,2})", named=True),),
        {"": 18}, {"": (_numbers(1, 18, "{}"), _numbers(1, 18, "{:02}"))}, folders=("mcm",),
    ),
    # The twelve of DnCNN (K. Zhang and others, TIP 2017).
    Layout(
        "set12", "Set12", _DENOISE, "gray", (Rule("clean", r"(?P<stem>\d{2})", named=True),),
        {"": 12}, {"": (_numbers(1, 12, "{:02}"),)},
    ),
    # J.-B. Huang and others, CVPR 2015: 100 pictures.
    Layout(
        "urban100", "Urban100", _SUPER, "rgb",
        (*_srf(""), Rule("clean", r"(?P<stem>img_?\d{3})", named=True)),
        {"": 100}, {"": (_numbers(1, 100, "img_{:03}"), _numbers(1, 100, "img{:03}"))}, variant="srf_2",
    ),
    # M. Bevilacqua and others, BMVC 2012, five; R. Zeyde and others, 2010, fourteen.
    Layout(
        "set5", "Set5", _SUPER, "rgb",
        (*_srf(""), Rule("clean", _either(_SET5, r"(?:_gt)?"), named=True)),
        {"": 5}, {"": (_SET5, _numbers(1, 5, "img_{:03}"))}, variant="srf_2",
    ),
    Layout(
        "set14", "Set14", _SUPER, "rgb",
        (*_srf(""), Rule("clean", _either(_SET14, r"(?:_gt)?"), named=True)),
        {"": 14}, {"": (_SET14, _numbers(1, 14, "img_{:03}"))}, variant="srf_2",
    ),
    # S. Nah and others, CVPR 2017: 2,103 pairs of 22 scenes, 1,111 of 11.
    Layout(
        "gopro", "GoPro", _DEBLUR, "rgb",
        (
            Rule("clean", r"(?P<split>train|test)/(?P<scene>GOPR\d{4}_\d\d_\d\d)/sharp/(?P<stem>\d{6})"),
            Rule(
                "degraded",
                r"(?P<split>train|test)/(?P<scene>GOPR\d{4}_\d\d_\d\d)/blur(?P<variant>_gamma)?/(?P<stem>\d{6})",
            ),
            Rule("clean", r"(?P<split>train|test)/(?:sharp|target)/(?P<stem>GOPR\d{4}_\d\d_\d\d-\d{6})"),
            Rule("degraded", r"(?P<split>train|test)/(?:blur|input)/(?P<stem>GOPR\d{4}_\d\d_\d\d-\d{6})"),
        ),
        {"train": 2103, "test": 1111}, folders=("goprolarge",),
    ),
    # S. Nah and others, CVPRW 2019: 240 and 30 clips of 100 frames (and 30 without published clean pictures).
    Layout(
        "reds", "REDS", _DEBLUR, "rgb",
        (
            Rule("clean", r"(?P<split>train|val)_sharp/(?P<scene>\d{3})/(?P<stem>\d{8})"),
            Rule(
                "degraded",
                r"(?P<split>train|val)_(?P<variant>\w+(?:/X4)?)/(?P<scene>\d{3})/(?P<stem>\d{8})",
            ),
        ),
        {"train": 24000, "val": 3000},
        {
            "train": (tuple(f"{c:03}/{f:08}" for c in range(240) for f in range(100)),),
            "val": (tuple(f"{c:03}/{f:08}" for c in range(30) for f in range(100)),),
        },
        variant="blur",
    ),
    # J. Rim and others, ECCV 2020: 4,738 pairs of 232 scenes (3,758 to train on, 980 to test, by lists of names).
    Layout(
        "realblur", "RealBlur", _DEBLUR, "rgb",
        (
            Rule("clean", r"(?P<variant>RealBlur-[JR])\w*/(?P<scene>scene\d{3})/gt/gt_(?P<stem>\d+)"),
            Rule("degraded", r"(?P<variant>RealBlur-[JR])\w*/(?P<scene>scene\d{3})/blur/blur_(?P<stem>\d+)"),
        ),
        {"": 4738}, variant="realblur-j",
    ),
    # A. Abdelhamed and others, CVPR 2018; the medium set has 160 scenes with 2 pairs each (its read-me).
    Layout(
        "sidd", "SIDD-Medium", "denoising, real noise", "rgb",
        (
            Rule("clean", r"(?P<scene>\d{4}_\d{3}_\w{2}_\w+)/\d{4}_GT_SRGB_(?P<stem>\d{3})"),
            Rule("degraded", r"(?P<scene>\d{4}_\d{3}_\w{2}_\w+)/\d{4}_NOISY_SRGB_(?P<stem>\d{3})"),
        ),
        {"": 320}, folders=("siddmediumsrgb", "siddmedium"),
    ),
    # J. Xu and others, 2018: 100 crops 512×512 of 40 scenes. "real" is the noisy shot, "mean" the mean of many.
    Layout(
        "polyu", "PolyU", "denoising, real noise", "rgb",
        (
            Rule("clean", r"(?P<stem>(?:Canon|Nikon|Sony)\w*[\w.-]*?)_mean"),
            Rule("degraded", r"(?P<stem>(?:Canon|Nikon|Sony)\w*[\w.-]*?)_real"),
        ),
        {"": 100}, folders=("croppedimages", "polyurealworldnoisyimagesdataset"),
    ),
    # H. Sheikh and others, LIVE release 2: 29 references; classic5: five gray pictures of A. Foi and others, TIP 2007.
    Layout(
        "live1", "LIVE1", _JPEG, "rgb", (Rule("clean", rf"(?:refimgs/)?{_either(_LIVE1)}", named=True),),
        {"": 29}, {"": (_LIVE1,)}, folders=("refimgs", "live"),
    ),
    Layout(
        "classic5", "Classic5", _JPEG, "gray", (Rule("clean", _either(_CLASSIC5), named=True),),
        {"": 5}, {"": (_CLASSIC5,)},
    ),
    # A. Levin and others, CVPR 2009: 4 pictures × 8 kernels, as MATLAB files with x (clean), y (blurred), f (kernel).
    Layout(
        "levin09", "Levin09", "deconvolution", "gray",
        (
            Rule("both", r"(?P<stem>im0[5-8])_(?P<variant>flit0[1-8])"),
            Rule("clean", r"sharp/(?P<stem>im\d+)", named=True),
            Rule("kernel", r"kernel/(?P<variant>kernel\d+)", named=True),
            Rule("degraded", r"blur/(?P<stem>im\d+)_(?P<variant>kernel\d+)_img", named=True),
        ),
        {"": 4}, {"": (_numbers(1, 4, "im{}"), _numbers(5, 8, "im{:02}"))}, folders=("levin", "levin2009"),
    ),
    # Y. Zhang and others, CVPR 2019: 12 kinds × 20 fields of view × 50 noisy shots, each field with one mean of 50.
    Layout(
        "fmdd", "FMDD", "denoising, microscopy", "gray",
        (
            Rule("clean", rf"{_FMDD_KIND}/gt/(?P<stem>\d+)/avg50"),
            Rule("degraded", rf"{_FMDD_KIND}/(?P<variant>raw|avg\d+)/(?P<stem>\d+)/(?P<shot>[\w-]+)"),
            Rule("clean", r"test_mix/gt/(?P<stem>[\w-]+)"),
            Rule("degraded", r"test_mix/(?P<variant>raw|avg\d+)/(?P<stem>[\w-]+)"),
        ),
        {"": 240}, folders=("fmd",), variant="raw",
    ),
    # A. Lugmayr and others (RePaint), CVPR 2022: masks of several kinds; white is kept.
    Layout(
        "masks", "inpainting masks", "inpainting", "gray",
        (Rule("clean", r"(?P<stem>(?:ev2li|ex64|face|genhalf|nn2|thick|thin)_\d{6})"),),
        {}, folders=("mask", "inpaintingmasks"),
    ),
)  # fmt: skip

LAYOUTS = {layout.name: layout for layout in _ALL}
"""Every published set that is known here, by name."""
