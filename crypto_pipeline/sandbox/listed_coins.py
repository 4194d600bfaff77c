"""Well-known coins of the simulated market.

Ids, names, images, prices (but 1 for stablecoins), volumes and supplies are those of CoinGecko's
listing of 2025-02-19. Wrapped and staked tokens stand apart: since February 2026 they are listed
only when a request asks for them.
"""

from typing import NamedTuple


class ListedCoin(NamedTuple):
    """A coin as it is before the simulation moves its price.

    Attributes:
        id: CoinGecko's id.
        symbol: Ticker.
        name: Display name.
        image: End of the image's URL.
        price: USD.
        volume: Traded in 24 h, USD.
        circulating: Coins in circulation.
        total: Coins that exist.
        maximum: Coins that can ever exist, or None for no limit.
    """

    id: str
    symbol: str
    name: str
    image: str
    price: float
    volume: float
    circulating: float
    total: float
    maximum: float | None


STABLECOINS = frozenset({"tether", "usd-coin", "usds", "ethena-usde", "dai", "first-digital-usd"})
"""Ids whose price stays close to one dollar."""

OWN_CHAIN = frozenset(
    {
        *("bitcoin", "ethereum", "ripple", "binancecoin", "solana", "dogecoin", "cardano", "tron"),
        *("litecoin", "stellar", "avalanche-2", "sui", "the-open-network", "hedera-hashgraph"),
        *("hyperliquid", "polkadot", "bitcoin-cash", "monero", "aptos", "near", "bittensor"),
        *("internet-computer", "ethereum-classic", "kaspa", "vechain", "algorand", "filecoin"),
        *("cosmos", "celestia", "xdce-crowd-sale", "blockstack", "theta-token", "flare-networks"),
        *("sei-network", "sonic-3", "injective-protocol"),
    }
)
"""Ids of coins that are no contract on another's chain."""

# One line a coin reads better than ten.
# fmt: off
LISTED_COINS = (
    ListedCoin("bitcoin", "btc", "Bitcoin", "1/large/bitcoin.png?1696501400", 96361, 38_663_821_055, 19_826_375, 19_826_375, 21_000_000),
    ListedCoin("ethereum", "eth", "Ethereum", "279/large/ethereum.png?1696501628", 2728.22, 21_077_772_059, 120_559_141.919755, 120_559_141.919755, None),
    ListedCoin("ripple", "xrp", "XRP", "44/large/xrp-symbol-white-128.png?1696501442", 2.61, 4_374_256_762, 57_818_864_895, 99_986_451_428, 100_000_000_000),
    ListedCoin("tether", "usdt", "Tether", "325/large/Tether.png?1696501661", 1, 67_309_383_063, 141_779_694_043.473297, 141_779_694_043.473297, None),
    ListedCoin("binancecoin", "bnb", "BNB", "825/large/bnb-icon2_2x.png?1696501970", 659.32, 1_233_419_931, 145_887_575.79, 145_887_575.79, 200_000_000),
    ListedCoin("solana", "sol", "Solana", "4128/large/solana.png?1718769756", 173.88, 5_705_269_689, 488_501_034.771201, 594_379_358.483576, None),
    ListedCoin("usd-coin", "usdc", "USDC", "6319/large/usdc.png?1696506694", 1, 8_898_569_076, 56_229_723_675.053368, 56_249_899_675.724648, None),
    ListedCoin("dogecoin", "doge", "Dogecoin", "5/large/dogecoin.png?1696501409", 0.254549, 1_311_173_412, 148_057_346_383.7052, 148_108_846_383.7052, None),
    ListedCoin("cardano", "ada", "Cardano", "975/large/cardano.png?1696502090", 0.774238, 878_496_849, 35_925_881_809.404068, 45_000_000_000, 45_000_000_000),
    ListedCoin("tron", "trx", "TRON", "1094/large/tron-logo.png?1696502193", 0.243619, 714_208_159, 86_090_225_390.040466, 86_090_619_889.875946, None),
    ListedCoin("chainlink", "link", "Chainlink", "877/large/chainlink-new-logo.png?1696502009", 18.08, 632_576_951, 638_099_970.450564, 1_000_000_000, 1_000_000_000),
    ListedCoin("litecoin", "ltc", "Litecoin", "2/large/litecoin.png?1696501400", 136.51, 1_907_257_247, 75_547_645.733471, 75_549_326.983471, 84_000_000),
    ListedCoin("stellar", "xlm", "Stellar", "100/large/fmpFRHHQ_400x400.jpg?1735231350", 0.33709, 218_632_186, 30_642_998_318.648949, 50_001_786_894.450157, 50_001_786_894.450157),
    ListedCoin("avalanche-2", "avax", "Avalanche", "12559/large/Avalanche_Circle_RedWhite_Trans.png?1696512369", 23.97, 382_818_600, 413_715_672.183968, 450_385_165.749392, 720_000_000),
    ListedCoin("sui", "sui", "Sui", "26375/large/sui-ocean-square.png?1727791290", 3.2, 1_184_920_245, 3_089_707_194.508888, 10_000_000_000, 10_000_000_000),
    ListedCoin("shiba-inu", "shib", "Shiba Inu", "11939/large/shiba.png?1696511800", 1.547e-05, 195_912_186, 589_253_818_258_697.25, 589_507_205_669_108, None),
    ListedCoin("the-open-network", "ton", "Toncoin", "17980/large/photo_2024-09-10_17.09.00.jpeg?1725963446", 3.63, 166_561_553, 2_494_645_702.823151, 5_122_679_224.964571, None),
    ListedCoin("leo-token", "leo", "LEO Token", "8418/large/leo-token.png?1696508607", 9.78, 537_429, 924_109_376.9, 985_239_504, None),
    ListedCoin("usds", "usds", "USDS", "39926/large/usds.webp?1726666683", 1, 39_071_629, 9_004_247_984.995539, 9_004_247_984.995539, None),
    ListedCoin("hedera-hashgraph", "hbar", "Hedera", "3688/large/hbar.png?1696504364", 0.213776, 241_031_944, 41_903_956_526.853607, 50_000_000_000, 50_000_000_000),
    ListedCoin("hyperliquid", "hype", "Hyperliquid", "50882/large/hyperliquid.jpg?1729431300", 23.27, 328_256_098, 333_928_180, 999_990_391, 1_000_000_000),
    ListedCoin("polkadot", "dot", "Polkadot", "12171/large/polkadot.png?1696512008", 4.82, 205_718_288, 1_522_267_060, 1_522_267_060, None),
    ListedCoin("mantra-dao", "om", "MANTRA", "12151/large/OM_Token.png?1696511991", 7.53, 435_920_931, 972_956_801.33, 1_808_535_193.43, None),
    ListedCoin("bitcoin-cash", "bch", "Bitcoin Cash", "780/large/bitcoin-cash-circle.png?1696501932", 323.24, 157_358_037, 19_831_387.396651, 19_831_387.396651, 21_000_000),
    ListedCoin("ethena-usde", "usde", "Ethena USDe", "33613/large/usde.png?1733810059", 1, 65_307_516, 6_077_249_723.194911, 6_077_249_723.194911, None),
    ListedCoin("bitget-token", "bgb", "Bitget Token", "11610/large/Bitget_logo.png?1736925727", 4.85, 398_817_854, 1_199_999_994.2, 1_199_999_994.2, 2_000_000_000),
    ListedCoin("uniswap", "uni", "Uniswap", "12504/large/uniswap-logo.png?1720676669", 9.64, 226_997_152, 600_483_073.71, 1_000_000_000, 1_000_000_000),
    ListedCoin("monero", "xmr", "Monero", "69/large/monero_logo.png?1696501460", 238.85, 64_157_933, 18_446_744.07371, 18_446_744.07371, None),
    ListedCoin("pepe", "pepe", "Pepe", "29850/large/pepe-token.jpeg?1696528776", 9.52e-06, 689_459_960, 420_690_000_000_000, 420_690_000_000_000, 420_690_000_000_000),
    ListedCoin("whitebit", "wbt", "WhiteBIT Coin", "27045/large/wbt_token.png?1696526096", 27.25, 26_873_924, 144_118_517.108154, 330_814_414, 400_000_000),
    ListedCoin("aave", "aave", "Aave", "12645/large/aave-token-round.png?1720472354", 256.52, 362_320_983, 15_074_458.390463, 16_000_000, 16_000_000),
    ListedCoin("ondo-finance", "ondo", "Ondo", "26580/large/ONDO.png?1696525656", 1.22, 230_961_641, 3_159_107_529, 10_000_000_000, 10_000_000_000),
    ListedCoin("aptos", "apt", "Aptos", "26455/large/aptos_round.png?1696525528", 6.47, 312_932_521, 587_520_242.227356, 1_140_816_856.694473, None),
    ListedCoin("near", "near", "NEAR Protocol", "10365/large/near.jpg?1696510367", 3.19, 184_373_805, 1_185_300_041, 1_236_091_127, None),
    ListedCoin("mantle", "mnt", "Mantle", "30980/large/Mantle-Logo-mark.png?1739213200", 1.048, 129_215_901, 3_364_694_382.83684, 6_219_316_794.99, 6_219_316_794.99),
    ListedCoin("dai", "dai", "Dai", "9956/large/Badge_Dai.png?1696509996", 1, 235_038_599, 3_481_789_960.558765, 3_481_789_960.558765, None),
    ListedCoin("official-trump", "trump", "Official Trump", "53746/large/trump.png?1737171561", 17.12, 1_107_219_335, 199_999_994.336, 1_000_000_000, 1_000_000_000),
    ListedCoin("bittensor", "tao", "Bittensor", "28452/large/ARUsPeNQ_400x400.jpeg?1696527447", 402.98, 189_230_192, 8_383_175, 21_000_000, 21_000_000),
    ListedCoin("internet-computer", "icp", "Internet Computer", "14495/large/Internet_Computer_logo.png?1696514180", 6.9, 84_205_356, 480_971_274.419188, 530_119_605.310789, None),
    ListedCoin("ethereum-classic", "etc", "Ethereum Classic", "453/large/ethereum-classic-logo.png?1696501717", 20.98, 124_315_764, 150_811_578.453419, 150_811_578.453419, 210_700_000),
    ListedCoin("okb", "okb", "OKB", "4463/large/WeChat_Image_20220118095654.png?1696505053", 49.91, 4_814_399, 60_000_000, 235_957_685.3, 300_000_000),
    ListedCoin("kaspa", "kas", "Kaspa", "25751/large/kaspa-icon-exchanges.png?1696524837", 0.107007, 63_241_772, 25_727_213_843.15609, 25_728_653_180.621349, 28_704_026_601),
    ListedCoin("vechain", "vet", "VeChain", "1167/large/VET_Token_Icon.png?1710013505", 0.03238505, 46_578_813, 80_985_041_177, 85_985_041_177, 86_712_634_466),
    ListedCoin("polygon-ecosystem-token", "pol", "POL (ex-MATIC)", "32440/large/polygon.png?1698233684", 0.305355, 104_185_876, 8_565_770_448.825935, 10_361_901_110.26989, None),
    ListedCoin("crypto-com-chain", "cro", "Cronos", "7310/large/cro_token_logo.png?1696507599", 0.085561, 14_329_267, 27_316_729_682.211681, 30_000_000_000, None),
    ListedCoin("algorand", "algo", "Algorand", "4380/large/download.png?1696504978", 0.263286, 99_083_188, 8_446_687_820.198586, 8_446_936_993.920936, 10_000_000_000),
    ListedCoin("render-token", "render", "Render", "11636/large/rndr.png?1696511529", 4.27, 90_415_968, 517_716_590.056283, 532_476_763.336283, None),
    ListedCoin("sonic-3", "s", "Sonic (prev. FTM)", "38108/large/200x200_Sonic_Logo.png?1734679256", 0.680548, 215_682_430, 3_175_000_000, 3_175_000_000, None),
    ListedCoin("filecoin", "fil", "Filecoin", "12817/large/filecoin.png?1696512609", 3.3, 158_126_869, 633_747_614, 1_959_626_548, 1_959_626_910),
    ListedCoin("arbitrum", "arb", "Arbitrum", "16547/large/arb.jpg?1721358242", 0.470476, 240_012_119, 4_419_312_625, 10_000_000_000, 10_000_000_000),
    ListedCoin("cosmos", "atom", "Cosmos Hub", "1481/large/cosmos_hub.png?1696502525", 4.69, 108_609_357, 436_869_751.265088, 436_869_751.265088, None),
    ListedCoin("first-digital-usd", "fdusd", "First Digital USD", "31079/large/FDUSD_icon_black.png?1731097953", 1, 5_898_707_500, 2_004_350_584.008865, 2_004_350_584.008865, None),
    ListedCoin("jupiter-exchange-solana", "jup", "Jupiter", "34188/large/jup.png?1704266489", 0.75407, 430_559_574, 2_637_438_888.89, 6_999_978_760.509178, 10_000_000_000),
    ListedCoin("fetch-ai", "fet", "Artificial Superintelligence Alliance", "5681/large/ASI.png?1719827289", 0.739522, 121_280_493, 2_604_959_126.672, 2_714_493_896.672, 2_714_493_896.672),
    ListedCoin("optimism", "op", "Optimism", "25244/large/Optimism.png?1696524385", 1.15, 199_667_493, 1_620_705_846, 4_294_967_296, 4_294_967_296),
    ListedCoin("celestia", "tia", "Celestia", "31967/large/tia.jpg?1696530772", 3.07, 102_365_739, 532_404_550.314584, 1_103_647_561.643505, None),
    ListedCoin("lido-dao", "ldo", "Lido DAO", "13573/large/Lido_DAO.png?1696513326", 1.76, 207_574_436, 896_838_471.87191, 1_000_000_000, 1_000_000_000),
    ListedCoin("kucoin-shares", "kcs", "KuCoin", "1047/large/sa9z79.png?1696502152", 12.12, 142_495, 122_606_967.851336, 142_606_967.851336, None),
    ListedCoin("injective-protocol", "inj", "Injective", "12882/large/Other_200x200.png?1738782212", 14.51, 97_663_972, 97_727_220.33, 100_000_000, None),
    ListedCoin("xdce-crowd-sale", "xdc", "XDC Network", "2912/large/xdc-icon.png?1696503661", 0.089952, 39_022_188, 15_689_702_941.200001, 37_973_220_799.949997, None),
    ListedCoin("quant-network", "qnt", "Quant", "3370/large/5ZOu7brX_400x400.jpg?1696504070", 95.01, 32_610_092, 14_544_176.164091, 14_612_493, 14_612_493),
    ListedCoin("blockstack", "stx", "Stacks", "2069/large/Stacks_Logo_png.png?1709979332", 0.90357, 42_793_431, 1_513_695_037.13388, 1_513_730_021.37354, 1_818_000_000),
    ListedCoin("nexo", "nexo", "NEXO", "3695/large/CG-nexo-token-200x200_2x.png?1730414360", 1.35, 10_465_505, 1_000_000_000, 1_000_000_000, 1_000_000_000),
    ListedCoin("ethena", "ena", "Ethena", "36530/large/ethena.png?1711701436", 0.428872, 180_147_755, 3_128_125_000, 15_000_000_000, None),
    ListedCoin("immutable-x", "imx", "Immutable", "17233/large/immutableX-symbol-BLK-RGB.png?1696516787", 0.752402, 40_583_493, 1_743_800_322.389814, 2_000_000_000, 2_000_000_000),
    ListedCoin("the-graph", "grt", "The Graph", "13397/large/Graph_Token.png?1696513159", 0.134148, 61_774_452, 9_548_531_509.16547, 10_788_004_319, 10_788_004_319),
    ListedCoin("theta-token", "theta", "Theta Network", "2538/large/theta-token-logo.png?1696503349", 1.28, 19_934_849, 1_000_000_000, 1_000_000_000, 1_000_000_000),
    ListedCoin("bonk", "bonk", "Bonk", "28600/large/bonk.jpg?1696527587", 1.588e-05, 115_978_793, 77_292_295_785_248.9375, 88_867_728_495_188.1875, 88_867_884_746_748.421875),
    ListedCoin("flare-networks", "flr", "Flare", "28624/large/FLR-icon200x200.png?1696527609", 0.02047478, 8_164_575, 59_058_265_098.226151, 103_040_489_559.885605, None),
    ListedCoin("worldcoin-wld", "wld", "Worldcoin", "31069/large/worldcoin.jpeg?1696529903", 1.16, 192_890_441, 1_035_595_620.054577, 10_000_000_000, 10_000_000_000),
    ListedCoin("sei-network", "sei", "Sei", "28205/large/Sei_Logo_-_Transparent.png?1696527207", 0.227868, 58_697_217, 4_657_499_999, 10_000_000_000, None),
    ListedCoin("jasmycoin", "jasmy", "JasmyCoin", "13876/large/JASMY200x200.jpg?1696513620", 0.02150877, 59_080_435, 48_419_999_999.305801, 50_000_000_000, 50_000_000_000),
    ListedCoin("gala", "gala", "GALA", "12493/large/GALA_token_image_-_200PNG.png?1709725869", 0.02222549, 91_289_013, 43_114_928_933.551163, 43_114_931_146.852272, 50_000_000_000),
    ListedCoin("ethereum-name-service", "ens", "Ethereum Name Service", "19785/large/ENS.jpg?1727872989", 26.95, 82_064_691, 33_165_585.054508, 100_000_000, 100_000_000),
)

REHYPOTHECATED_COINS = (
    ListedCoin("staked-ether", "steth", "Lido Staked Ether", "13442/large/steth_logo.png?1696513206", 2729.05, 86_906_999, 9_408_990.29442085, 9_408_990.29442085, None),
    ListedCoin("wrapped-bitcoin", "wbtc", "Wrapped Bitcoin", "7598/large/wrapped_bitcoin_wbtc.png?1696507857", 96088, 414_999_268, 129_138.42002211, 129_138.42002211, 129_138.42002211),
    ListedCoin("wrapped-steth", "wsteth", "Wrapped stETH", "18834/large/wstETH.png?1696518295", 3259.08, 25_046_646, 3_381_665.60156193, 3_381_665.60156193, None),
    ListedCoin("weth", "weth", "WETH", "2518/large/weth.png?1696503332", 2728.24, 137_884_030, 2_976_791.460768222, 2_976_791.460768222, None),
    ListedCoin("wrapped-eeth", "weeth", "Wrapped eETH", "33033/large/weETH.png?1701438396", 2891.41, 19_232_236, 1_909_017.72521255, 1_909_017.72521255, None),
    ListedCoin("coinbase-wrapped-btc", "cbbtc", "Coinbase Wrapped BTC", "40143/large/cbbtc.webp?1726136727", 96325, 321_097_448, 26_461.04955793, 26_461.04955793, None),
)
# fmt: on
"""Tokens that stand for others of the listing, which count twice where both are listed."""
